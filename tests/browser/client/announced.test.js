/** What the ledger must say before a contact helps: proven entries in, a session or a refusal out. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { running } from "../../../escrow/browser/client/announced.js";
import { hex } from "../../../escrow/browser/platform/bytes.js";
import { Event } from "../../../escrow/browser/protocol/ledger.js";
import { makeDeposit } from "../protocol/deposit.js";

const { manifest } = await makeDeposit();
const WAIT_SECONDS = manifest.waitingSeconds;
const [recovery, session, account] = ["1", "2", "3"].map((digit) => digit.repeat(32));
const shown = { recovery, session, state: "collecting" };
const OPENED_AT = 1000;
const READY_AT = OPENED_AT + WAIT_SECONDS;

/** @param {string} type @param {number} at @param {Record<string, any>} [data] */
function event(type, at, data = {}) {
  const { deposit } = manifest;
  const id = hex(crypto.getRandomValues(new Uint8Array(16)));
  return new Event({ id, type: `recovery ${type}`, account, deposit, recovery, at, data });
}

/** @param {{ proof?: string, wait?: number }} [said] */
function announced({ proof = "totp", wait = WAIT_SECONDS } = {}) {
  return [
    event("opened", OPENED_AT, { proof, wait_seconds: wait, account }),
    event("noticed", OPENED_AT, { wait_seconds: wait, refused: [] }),
  ];
}

const begun = event("begun", READY_AT, { session, public_key: new Uint8Array(1216) });

/** @param {Event[]} events @param {string} code @param {any} [more] */
function refuses(events, code, { now = READY_AT, found = shown, at = undefined } = {}) {
  const isIt = (/** @type {any} */ error) => error.code === code && error.details.at === at;
  assert.throws(() => running(manifest, found, events, now), isIt);
}

test("an announced recovery whose wait is over", () => {
  const found = running(manifest, shown, [...announced(), begun], READY_AT);
  assert.equal(found.session, session);
  assert.equal(found.publicKey, begun.data.public_key);
});

test("the wait is not over before its last second", () => {
  refuses([...announced(), begun], "too_early", { now: READY_AT - 1, at: READY_AT });
});

test("a wait that is shorter than the owner has chosen, or than the proof asks for", () => {
  refuses([...announced({ wait: WAIT_SECONDS - 1 }), begun], "wait_too_short");
  refuses([...announced({ proof: "kit" }), begun], "wait_too_short");
});

for (const [type, data] of /** @type {[string, any][]} */ ([
  ["vetoed", { by: "customer" }],
  ["completed", { time: 1, signature: new Uint8Array(64) }],
  ["expired", {}],
  ["frozen", { reason: "", approval: null }],
])) {
  test(`a recovery that was ${type}`, () => {
    refuses([...announced(), begun, event(type, READY_AT, data)], "stopped");
  });
}

test("after a hold everybody is told anew, and the wait begins anew", () => {
  const held = event("frozen", READY_AT, { reason: "", approval: null });
  const freed = event("unfrozen", READY_AT, { approval: new Uint8Array(32) });
  const wait = { wait_seconds: WAIT_SECONDS, refused: [] };
  refuses([...announced(), held, freed, begun], "not_noticed");
  const again = event("noticed", READY_AT, wait);
  refuses([...announced(), held, freed, again, begun], "too_early", { at: READY_AT + WAIT_SECONDS });
  const now = READY_AT + WAIT_SECONDS;
  assert.equal(running(manifest, shown, [...announced(), held, freed, again, begun], now).session, session);
});

test("entries of another recovery or deposit announce nothing", () => {
  const other = new Event({ ...begun, recovery: "4".repeat(32), data: begun.data });
  refuses([...announced(), other], "not_begun");
  const elsewhere = announced().map(
    (each) => new Event({ ...each, deposit: "5".repeat(32), data: each.data }),
  );
  refuses([...elsewhere, begun], "not_opened");
});

test("only the newest session counts", () => {
  const later = event("begun", READY_AT, { session: "6".repeat(32), public_key: new Uint8Array(1216) });
  refuses([...announced(), begun, later], "other_session");
});

test("nothing is running, or nothing has begun", () => {
  assert.throws(() => running(manifest, null, [], READY_AT), { code: "no_recovery" });
  refuses([...announced(), begun], "not_begun", { found: { ...shown, state: "ready" } });
});
