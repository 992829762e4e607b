// A problem as the page's own sentence: what happened, and what to do now.

import { Problem } from "./api.js";
import { duration } from "./dates.js";
import { count, sayFirst } from "./words.js";

const A_DAY_SECONDS = 86400;

/**
 * Return the sentence for a problem; `context` names what was tried, where that says it better.
 * Anything else that was thrown is a fault of ours: it goes on to the console.
 * @param {unknown} error
 * @param {string} [context]
 */
export function sentence(error, context = "") {
  const problem = error instanceof Problem ? error : new Problem("internal");
  if (!(error instanceof Problem)) console.error(error);
  if (problem.code === "unauthenticated" && problem.triesLeft) {
    return count("problem.wrong_code", problem.triesLeft);
  }
  const stopped = problem.code === "locked" && (problem.retryAfter ?? 0) >= A_DAY_SECONDS;
  const code = stopped ? "stopped" : problem.code;
  const wait = duration(problem.retryAfter ?? 60);
  const names = [`${context}.${code}`, `problem.${code}`, "problem.internal"];
  return sayFirst(context ? names : names.slice(1), { wait });
}
