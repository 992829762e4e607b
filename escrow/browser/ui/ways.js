// Which ways back there are now, by the states of the pieces, and how the picture shows them.

import { one } from "./dom.js";
import { say } from "./words.js";

const LIVE = ["active", "complete", "closing"];
const WHO = /** @type {const} */ (["you", "contacts", "provider"]);

/**
 * @typedef {{ custody: string, role: "customer" | "contact" | "provider", state: string,
 *   name: string | null, address: string | null, paused: boolean, invited_until: number | null,
 *   last_share_at: number | null, last_check_at: number | null, proven_until: number | null }} Piece
 * @typedef {"proven" | "due" | "invited" | "lost" | "nobody"} Panel
 * @typedef {Record<"you" | "contacts" | "provider", Panel>} Panels
 */

/**
 * Whether a piece that is held was shown long ago.
 * @param {Piece} piece
 * @param {number} now
 */
export function isDue(piece, now) {
  return now >= (piece.proven_until ?? 0);
}

/**
 * Return how many of the ways back are open: 0, 1 or 3.
 * @param {{ state: string, custodies: Piece[] }} deposit
 * @param {number} needed how many contacts it takes, 0 where there are none
 */
export function waysBack(deposit, needed) {
  const held = deposit.custodies.filter((piece) => piece.state === "held").map((piece) => piece.role);
  const kit = held.includes("customer");
  const contacts = needed > 0 && held.filter((role) => role === "contact").length >= needed;
  const provider = held.includes("provider") && LIVE.includes(deposit.state);
  const pieces = [kit, contacts, provider].filter(Boolean).length;
  return pieces === 3 ? 3 : pieces === 2 ? 1 : 0;
}

/**
 * @param {{ custodies: Piece[] }} deposit
 * @param {number} needed
 * @param {number} now
 * @returns {Panels}
 */
export function panels(deposit, needed, now) {
  /** @param {Piece["role"]} role */
  const of = (role) => deposit.custodies.filter((piece) => piece.role === role);
  return {
    you: panel(of("customer"), 1, now),
    contacts: needed === 0 ? "nobody" : panel(of("contact"), needed, now),
    provider: panel(of("provider"), 1, now),
  };
}

/**
 * @param {Piece[]} pieces
 * @param {number} needed
 * @param {number} now
 * @returns {Panel}
 */
function panel(pieces, needed, now) {
  const held = pieces.filter((piece) => piece.state === "held");
  if (held.filter((piece) => !isDue(piece, now)).length >= needed) return "proven";
  if (held.length >= needed) return "due";
  const coming = pieces.filter((piece) => piece.state === "invited").length;
  return held.length + coming >= needed ? "invited" : "lost";
}

/**
 * Draw the picture into an element with an `<svg>` of three `<use>`, and say its line of truth.
 * @param {Element} picture
 * @param {{ state: string, custodies: Piece[] }} deposit
 * @param {number} needed
 * @param {number} now
 */
export function draw(picture, deposit, needed, now) {
  const found = panels(deposit, needed, now);
  const uses = picture.querySelectorAll("use");
  WHO.forEach((who, index) => uses[index].setAttribute("href", `#panel-${who}-${found[who]}`));
  one("title", picture).textContent = WHO.map((who) => say(`picture.${who}.${found[who]}`)).join(" ");
  const ways = waysBack(deposit, needed);
  one("p", picture).textContent = say(needed > 0 ? `truth.${ways}` : `truth.alone.${ways}`);
}
