// The calendar of a recovery: what was, what is next, and from when it can be finished.

import { dateTime } from "./dates.js";
import { copyOf, fill } from "./dom.js";
import { say } from "./words.js";

/** @param {any} recovery a recovery's document */
export function calendar(recovery) {
  const { opened_at, noticed_at, ready_at, expires_at, state } = recovery;
  const isReady = state === "ready" || state === "collecting";
  const present = say("calendar.now");
  const lines = [line(opened_at, "opened", true)];
  lines.push(noticed_at === null ? line(present, "telling", false) : line(noticed_at, "noticed", true));
  if (state === "frozen") return [...lines, line(present, "frozen", false)];
  lines.push(line(ready_at ?? say("calendar.later"), "ready", isReady));
  // Before the wait begins its end is only that of the notices, and would move.
  if (expires_at !== null && ready_at !== null) lines.push(line(expires_at, "expires", false));
  return lines;
}

/**
 * @param {number | string} when a time, or what stands in its place while it is not known
 * @param {string} name
 * @param {boolean} isPast
 */
function line(when, name, isPast) {
  const made = copyOf("date");
  fill(made, { when: typeof when === "string" ? when : dateTime(when), what: say(`calendar.${name}`) });
  made.toggleAttribute("data-past", isPast);
  return made;
}
