/**
 * Secrets are overwritten after use. Every `Uint8Array` that is made while a step runs is kept here,
 * those of the libraries too; afterwards none of them may hold a secret, but for what the step gives
 * back, and after its `wipe()` not that either.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hex, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { pae, rawId } from "../../../escrow/browser/protocol/encoding.js";
import * as envelope from "../../../escrow/browser/protocol/envelope.js";
import * as invitation from "../../../escrow/browser/protocol/invitation.js";
import * as keys from "../../../escrow/browser/protocol/keys.js";
import * as kit from "../../../escrow/browser/protocol/kit.js";
import * as manifest from "../../../escrow/browser/protocol/manifest.js";
import * as qr from "../../../escrow/browser/protocol/qr.js";
import * as seal from "../../../escrow/browser/protocol/seal.js";
import * as slip39 from "../../../escrow/browser/protocol/slip39.js";
import { makeDeposit } from "./deposit.js";
import { leftovers, spyOn } from "./spy.js";

const made = await makeDeposit();
const { deposit, recoveryKey, shares, custodies } = made;
const context = keys.context(deposit);
/** @type {Record<string, Uint8Array>} */
const secretsOf = {
  "recovery key": recoveryKey.slice(),
  "owner seed": keys.hkdf(recoveryKey, context, pae("escrow/v1/key/owner")),
  secret: made.secret.slice(),
  words: utf8(shares[0].words()),
};
for (const [i, { value }] of shares.entries()) {
  const info = pae("escrow/v1/key/release", rawId(custodies[i]));
  secretsOf[`share ${i}`] = value.slice();
  secretsOf[`release seed ${i}`] = keys.hkdf(value, context, info);
  secretsOf[`check seed ${i}`] = keys.checkSeed(value, deposit, custodies[i]);
}

/** @param {any} result */
function release(result) {
  if (result instanceof Uint8Array) result.fill(0);
  else if (Array.isArray(result)) result.forEach(release);
  else result?.wipe?.();
}

/** @type {Record<string, () => Promise<any>>} */
const STEPS = {
  split: () => slip39.split(recoveryKey, 2, 3),
  combine: () => slip39.combine([shares[0].words(), shares[4].words()]),
  "combine with contacts": () => slip39.combine(shares.slice(0, 3).map((share) => share.words())),
  "combine what does not fit": () =>
    slip39.combine([shares[0].words(), made.stranger.words()]).catch(() => {}),
  "derive the owner key": () => keys.ownerKey(recoveryKey, deposit),
  "derive the release key": () => keys.releaseKey(shares[0].value, deposit, custodies[0]),
  "compute a custody's keys": () =>
    manifest.Custody.ofShare(shares[0], deposit, custodies[0], "customer"),
  "check what was recovered": () =>
    made.manifest.checkRecovered(recoveryKey, made.envelope, made.signature),
  "open the envelope": () => envelope.open(made.envelope, recoveryKey),
  "seal the envelope": () => envelope.seal(made.secret, recoveryKey),
  "read a kit": () => kit.Kit.parse(made.kit),
  "read a kit that is not whole": () => kit.Kit.parse(made.brokenKit).catch(() => {}),
  "read a card": () => kit.Card.parse(made.card),
  "read a share's code": async () => qr.parseShare(made.shareText),
  "read a check code": async () => qr.Check.parse(made.checkText),
  "open a sealed share": () => seal.open(made.sealed, made.sessionKey, made.binding),
  "make a key to seal to": async () => {
    const key = seal.PrivateKey.generate();
    await key.publicKey();
    return key;
  },
  "unwrap a copy": () => made.wrapBinding.unwrap(made.wrapped, made.prf),
};

/** What age's library leaves in a buffer of its own, as platform/age.js says. @type {Record<string, string[]>} */
const LEFT = { "seal the envelope": ["secret"] };

for (const [name, step] of Object.entries(STEPS)) {
  test(`overwritten: ${name}`, async () => {
    const { result, seen } = await spyOn(step);
    assert.ok(seen.length > 0);
    release(result);
    assert.deepEqual(leftovers(seen, secretsOf), LEFT[name] ?? []);
  });
}

test("overwritten: open an invitation", async () => {
  const { password, custodies: all } = made;
  const identity = await password.identity(all[1]);
  const { result, seen } = await spyOn(() => invitation.open(made.invitation, password, all[1]));
  result.wipe();
  assert.deepEqual(leftovers(seen, { ...secretsOf, identity }), []);
});

test("the spy sees what is not overwritten", async () => {
  const { seen } = await spyOn(async () => Uint8Array.from(recoveryKey).slice());
  assert.deepEqual(leftovers(seen, secretsOf), ["recovery key"]);
});

test("nothing that holds a secret shows it", async () => {
  const { inspect } = await import("node:util");
  const holders = [
    ...shares,
    seal.PrivateKey.generate(),
    made.password,
    await kit.Kit.parse(made.kit),
    qr.Check.parse(made.checkText),
  ];
  for (const holder of holders) {
    const shown = inspect(holder, { depth: 9, maxStringLength: null }) + JSON.stringify(holder);
    for (const secret of Object.values(secretsOf)) assert.ok(!shown.includes(hex(secret)));
    assert.ok(!shown.includes(made.password.fragment) && !shown.includes(made.password.digits));
    assert.ok(!shown.includes(shares[0].words()));
  }
});
