// What the ledger says of one key, in plain words, the newest first.

import { dateTime } from "./dates.js";
import { copyOf, fill } from "./dom.js";
import { say, sayFirst } from "./words.js";

/**
 * Make the lines of a history; `names` tells who holds which piece.
 * @param {readonly import("../protocol/ledger.js").Event[]} found oldest first
 * @param {Map<string, string>} names
 */
export function lines(found, names) {
  return found.toReversed().map((event) => {
    const line = copyOf("date");
    const who = names.get(event.custody ?? "") ?? say("contact");
    const what = sayFirst([`history.${event.type}`, "history.other"], { who });
    fill(line, { when: dateTime(event.at ?? 0), what: what.charAt(0).toUpperCase() + what.slice(1) });
    return line;
  });
}
