// The history of a key: every entry is proven to stand in the ledger before it is shown.

import { entriesOf } from "../../client/ledger.js";
import { openLedger } from "../../client/ledgerkeys.js";
import { Refused } from "../../client/errors.js";
import { client, memory } from "./line.js";

/**
 * Fetch the entries of a deposit, oldest first, each proven against a checkpoint that is signed with
 * the key which the deposit's own description pins. Throws Refused for one that is of another deposit
 * or stands in no such ledger.
 * @param {string} deposit
 * @param {string} ledgerVkey as the description says
 * @param {(done: number, all: number) => void} progress
 */
export async function provenHistory(deposit, ledgerVkey, progress) {
  const { ledger } = await openLedger(client, memory, ledgerVkey);
  const entries = await entriesOf(client, `deposits/${deposit}/events`);
  const events = [];
  for (const entry of entries) {
    const event = await ledger.event(entry);
    if (event.deposit !== deposit) throw new Refused("wrong_deposit");
    events.push(event);
    progress(events.length, entries.length);
  }
  return events;
}
