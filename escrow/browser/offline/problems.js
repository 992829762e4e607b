/** What the page says when something is refused: the sentences stand in the page, by code. */

import { BadShare, ProtocolError } from "../protocol/errors.js";
import { filled, sentence } from "./dom.js";
import { BadPiece } from "./pieces.js";

/** Something that went wrong on the page itself; `code` names its sentence. */
export class PageError extends ProtocolError {
  name = "PageError";

  /** @param {string} code */
  constructor(code) {
    super(code, { code });
  }
}

/**
 * Say what is wrong, with which piece, and what to do: [sentence, hint].
 * @param {unknown} error
 */
export function explained(error) {
  if (!(error instanceof ProtocolError)) return [sentence("unforeseen"), ""];
  const cause = error instanceof BadPiece ? error.cause : error;
  let problem = sentence(cause.code) || filled(sentence("check-failed"), { code: cause.code });
  const place = cause instanceof BadShare ? placeOf(cause) : "";
  if (place) problem += ` ${place}`;
  if (error instanceof BadPiece) {
    problem = filled(sentence("piece-problem"), { piece: error.piece, problem });
  }
  return [problem, sentence(`${cause.code}-hint`)];
}

/** Say which word is wrong, and what it may be. @param {BadShare} error */
export function placeOf({ word, swappedWith, proposals }) {
  if (word === null) return "";
  if (swappedWith) return filled(sentence("words-swapped"), { first: word, second: swappedWith });
  if (!proposals.length) return filled(sentence("which-word"), { number: word });
  return filled(sentence("is-it"), { number: word, words: proposals.join(", ") });
}
