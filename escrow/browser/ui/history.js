// What the ledger says of one key, in plain words, the newest first.

import { dateTime } from "./dates.js";
import { copyOf, fill } from "./dom.js";
import { documentIn } from "./encoding.js";
import { say, sayFirst } from "./words.js";

/**
 * Fetch all entries of a deposit.
 * @param {import("./api.js").Api} api
 * @param {string} deposit
 * @returns {Promise<any[]>}
 */
export async function events(api, deposit) {
  const found = [];
  for (let query = ""; ; ) {
    const page = await api.get(`deposits/${deposit}/events${query}`);
    found.push(...page.events.map((/** @type {any} */ entry) => documentIn(entry.event)));
    if (page.next === null) return found.reverse();
    query = `?after=${page.next}`;
  }
}

/**
 * Make the lines of a history; `names` tells who holds which piece.
 * @param {any[]} found
 * @param {Map<string, string>} names
 */
export function lines(found, names) {
  return found.map((event) => {
    const line = copyOf("date");
    const who = names.get(event.custody) ?? say("contact");
    const what = sayFirst([`history.${event.type}`, "history.other"], { who });
    fill(line, { when: dateTime(event.at), what: what.charAt(0).toUpperCase() + what.slice(1) });
    return line;
  });
}
