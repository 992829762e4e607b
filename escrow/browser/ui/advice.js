// How one key is doing, in one word of the page and one next step.

import { date } from "./dates.js";
import { isDue, waysBack } from "./ways.js";
import { language, say } from "./words.js";

/** @typedef {import("./ways.js").Piece} Piece */
/** @typedef {{ name: string, kind: "good" | "warn" | "bad" | "alarm" | "wait" }} State */

/**
 * @param {any} deposit a deposit's document
 * @param {number} needed how many contacts it takes
 * @param {number} now
 * @returns {State}
 */
function stateOf(deposit, needed, now) {
  /** @type {Piece[]} */
  const pieces = deposit.custodies;
  if (deposit.recovery !== null) return { name: "recovery", kind: "alarm" };
  if (deposit.state === "closing" || deposit.state === "closed") return { name: deposit.state, kind: "bad" };
  if (deposit.state === "pending") return { name: "pending", kind: "wait" };
  if (deposit.state === "rejected") return { name: "rejected", kind: "bad" };
  const ways = waysBack(deposit, needed);
  if (ways === 0) return { name: "gone", kind: "bad" };
  if (needed === 0) return { name: "alone", kind: "warn" };
  if (ways === 1) return { name: missing(pieces), kind: "warn" };
  const due = pieces.find((piece) => piece.role !== "provider" && piece.state === "held" && isDue(piece, now));
  if (due !== undefined) return { name: due.role === "customer" ? "due_kit" : "due", kind: "warn" };
  return { name: "safe", kind: "good" };
}

/** @param {Piece[]} pieces */
function missing(pieces) {
  const asked = pieces.filter(isAsked);
  if (asked.some((piece) => piece.paused)) return "paused";
  return asked.length > 0 ? "invited" : "one";
}

/** @param {Piece} piece */
function isAsked(piece) {
  return piece.role === "contact" && piece.state === "invited";
}

/**
 * Return how a key is doing: the kind of its mark, the state, and what to do next.
 * @param {any} deposit a deposit's document
 * @param {number} needed how many contacts it takes
 * @param {number} now
 */
export function advice(deposit, needed, now) {
  const { name, kind } = stateOf(deposit, needed, now);
  const until = deposit.closing_at === null ? "" : date(deposit.closing_at);
  return { kind, state: say(`state.${name}`), next: say(`next.${name}`, { date: until, who: who(deposit, name, now) }) };
}

/**
 * Name those whom the next step is about.
 * @param {any} deposit
 * @param {string} name
 * @param {number} now
 */
function who(deposit, name, now) {
  /** @type {Piece[]} */
  const pieces = deposit.custodies;
  const about = pieces.filter((piece) =>
    name === "due" ? piece.role === "contact" && piece.state === "held" && isDue(piece, now) : isAsked(piece) && (name !== "paused" || piece.paused),
  );
  const names = about.map((piece) => piece.name ?? say("contact"));
  return new Intl.ListFormat(language()).format(names);
}
