// A problem as the page's own sentence: what happened, and what to do now.

import { ClientError, Refused, WrongPiece } from "../client/errors.js";
import { BadShare } from "../protocol/errors.js";
import { Problem } from "./api.js";
import { duration } from "./dates.js";
import { count, say, sayFirst } from "./words.js";

const A_DAY_SECONDS = 86400;
/** @type {Record<string, string>} What the client calls otherwise than the service does. */
const SAME = { unreachable: "offline", strange_answer: "internal", wrong_code: "unauthenticated" };

/**
 * Return the sentence for a problem; `context` names what was tried, where that says it better.
 * Anything that neither the service nor the client says is a fault of ours: it goes on to the console.
 * @param {unknown} error
 * @param {string} [context]
 */
export function sentence(error, context = "") {
  const problem = problemOf(error);
  if (problem.code === "unauthenticated" && problem.triesLeft) {
    return count("problem.wrong_code", problem.triesLeft);
  }
  const stopped = problem.code === "locked" && (problem.retryAfter ?? 0) >= A_DAY_SECONDS;
  const code = stopped ? "stopped" : problem.code;
  const wait = duration(problem.retryAfter ?? 60);
  // What an honest service would not have sent is no mistake of hers, whatever it is called.
  const known = error instanceof Refused ? "problem.refused" : `problem.${code}`;
  const names = [`${context}.${code}`, known, lastWord(error)];
  const text = sayFirst(context ? names : names.slice(1), { wait, code });
  return error instanceof WrongPiece ? `${text} ${placeOf(error)}`.trim() : text;
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
function problemOf(error) {
  if (error instanceof Problem) return error;
  if (!(error instanceof ClientError)) {
    console.error(error);
    return new Problem("internal");
  }
  const { triesLeft, field, state } = error.details;
  const wait = /** @type {{ retryAfter?: number | null }} */ (error).retryAfter ?? undefined;
  const more = { retry_after: wait, tries_left: triesLeft, field, state };
  return new Problem(SAME[error.code] ?? error.code, more);
}

/**
 * Return the name of the sentence for what has none of its own.
 * @param {unknown} error
 */
function lastWord(error) {
  return error instanceof WrongPiece ? "problem.wrong_piece" : "problem.internal";
}

/**
 * Say which word of a piece is wrong, and what it may be; nothing where no word is at fault.
 * @param {WrongPiece} error
 */
export function placeOf({ cause }) {
  if (!(cause instanceof BadShare) || cause.word === null) return "";
  const { word: number, swappedWith: second, proposals } = cause;
  if (second) return say("word.swapped", { number, second });
  if (proposals.length === 0) return say("word.which", { number });
  return say("word.is_it", { number, words: proposals.join(", ") });
}
