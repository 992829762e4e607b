// The history of a key: every entry is proven to stand in the ledger before it is shown.

import { Refused } from "../client/errors.js";
import { entriesOf } from "../client/ledger.js";
import { openLedger } from "../client/ledgerkeys.js";

/** @typedef {{ client: import("../client/http.js").Client, memory: import("../client/ledger.js").Memory }} Line */

/**
 * Fetch the entries of a deposit, oldest first, each proven against a checkpoint that is signed with
 * the key which the deposit's own description pins. Throws Refused for one that is of another deposit
 * or stands in no such ledger.
 * @param {Line} line
 * @param {string} deposit
 * @param {string} path where its entries are asked for
 * @param {string} ledgerVkey as the description says
 * @param {(done: number, all: number) => void} progress
 */
export async function provenHistory({ client, memory }, deposit, path, ledgerVkey, progress) {
  const { ledger } = await openLedger(client, memory, ledgerVkey);
  const entries = await entriesOf(client, path);
  const events = [];
  for (const entry of entries) {
    const event = await ledger.event(entry);
    if (event.deposit !== deposit) throw new Refused("wrong_deposit");
    events.push(event);
    progress(events.length, entries.length);
  }
  return events;
}
