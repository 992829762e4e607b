// Why a new key is proposed in the place of one: a piece is lost, given up, unseen, or never arrived.

import { date } from "./dates.js";
import { isDue } from "./ways.js";
import { say } from "./words.js";

/** @typedef {import("./ways.js").Piece} Piece */

const GONE = { customer: ["lost", "rejected"], contact: ["lost", "declined", "rejected", "withdrawn"], provider: [""] };

/**
 * Return the reasons as sentences, none where nothing is amiss. A recovery or an end under way comes
 * first: then there are none.
 * @param {{ state: string, recovery: string | null, custodies: Piece[] }} deposit
 * @param {number} now Unix time, in seconds
 * @returns {string[]}
 */
export function reasons(deposit, now) {
  if (deposit.recovery !== null || deposit.state === "closing" || deposit.state === "closed") return [];
  return deposit.custodies.filter((piece) => piece.role !== "provider").flatMap((piece) => reason(piece, now));
}

/**
 * @param {Piece} piece
 * @param {number} now
 */
function reason(piece, now) {
  const word = GONE[piece.role].includes(piece.state) ? piece.state : waiting(piece, now);
  if (word === null) return [];
  const shown = Math.max(piece.last_share_at ?? 0, piece.last_check_at ?? 0);
  const role = piece.role === "customer" ? "kit" : "contact";
  return [say(`propose.${role}.${word}`, { who: piece.name ?? say("contact"), date: date(shown) })];
}

/**
 * @param {Piece} piece
 * @param {number} now
 */
function waiting(piece, now) {
  if (piece.state === "invited") return "invited";
  // Her own kit she can look for at once; a contact who was asked twice has to be called.
  return piece.role === "contact" && piece.state === "held" && isDue(piece, now) ? "silent" : null;
}
