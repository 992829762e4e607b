/** Making a deposit: every way back proven, nothing secret left behind. And the backup password. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { backupPassword, ALPHABET } from "../../../escrow/browser/client/strength.js";
import { make, prove } from "../../../escrow/browser/client/making.js";
import { hex, randomBytes, utf8, wipe } from "../../../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey } from "../../../escrow/browser/platform/ed25519.js";
import * as invitation from "../../../escrow/browser/protocol/invitation.js";
import * as note from "../../../escrow/browser/protocol/note.js";
import { Custody, Manifest } from "../../../escrow/browser/protocol/manifest.js";
import * as seal from "../../../escrow/browser/protocol/seal.js";
import { Payload } from "../../../escrow/browser/protocol/share.js";
import * as slip39 from "../../../escrow/browser/protocol/slip39.js";
import { leftovers, spyOn } from "../protocol/spy.js";

const NOW = 1_800_000_000;
const ledgerKey = await Ed25519PrivateKey.fromPrivateBytes(randomBytes(32));
const { vkey: ledgerVkey } = new note.Signer({ name: "escrow.test/ledger", key: ledgerKey }).verifier;
const provider = seal.PrivateKey.generate();
const service = { ledgerVkey, providerKey: await provider.publicKey() };

/** @param {Partial<import("../../../escrow/browser/client/planning.js").Plan>} [changes] */
function planOf(changes = {}) {
  return {
    label: "Laptop backup",
    secret: utf8("correct horse battery staple"),
    contacts: [{ name: "Anna", address: "anna@example.org" }],
    needed: 1,
    waitingSeconds: 259_200,
    contactsReplaceTotp: false,
    replaces: null,
    url: "https://escrow.test",
    ...changes,
  };
}

/** Describe shares as they are, so that only combining them can show what is wrong. @param {slip39.Share[]} shares @param {number} needed */
async function described(shares, needed) {
  const deposit = hex(randomBytes(16));
  const last = shares.length - 1;
  const lines = shares.map((share, i) => {
    const role = i === 0 ? "customer" : i === last ? "provider" : "contact";
    const commitment = role === "contact" ? randomBytes(32) : null;
    return Custody.ofShare(share, deposit, hex(randomBytes(16)), role, commitment);
  });
  return new Manifest({
    kind: "real",
    deposit,
    createdAt: NOW,
    label: "x",
    replaces: null,
    contactsNeeded: needed,
    contactsCount: shares.length - 2,
    contactsReplaceTotp: false,
    waitingSeconds: 86_400,
    slip39Id: shares[0].identifier,
    ledgerVkey,
    providerKeySha256: randomBytes(32),
    custodies: await Promise.all(lines),
    envelopeSha256: randomBytes(32),
    ownerKey: ledgerKey.publicKey,
  });
}

const POLICIES = [
  [0, 0],
  [1, 1],
  [2, 3],
  [3, 5],
];

for (const [needed, count] of POLICIES) {
  test(`${needed} of ${count} contacts: every piece takes part in the proof`, async () => {
    const recoveryKey = randomBytes(32);
    const shares = await slip39.split(recoveryKey, needed, count);
    await prove(recoveryKey, shares, await described(shares, needed));
    for (const i of shares.keys()) {
      const value = shares[i].value.slice();
      value[31] ^= 1;
      const { ...header } = shares[i];
      const damaged = shares.with(i, new slip39.Share({ ...header, value }));
      const proving = prove(recoveryKey, damaged, await described(damaged, needed));
      await assert.rejects(proving, { code: "pieces_do_not_fit" }, `piece ${i}`);
    }
  });
}

test("contacts of two splits, each of which works with its own, are not enough", async () => {
  // The same recovery key, set and group value, but two polynomials for the contacts.
  const recoveryKey = randomBytes(32);
  const fixed = Array.from({ length: 2 }, () => randomBytes(64));
  const split = () => {
    let drawn = 0;
    const draw = (/** @type {number} */ length) =>
      drawn < fixed.length ? fixed[drawn++].slice(0, length) : randomBytes(length);
    return slip39.split(recoveryKey, 2, 4, { randomBytes: draw });
  };
  const [one, other] = [await split(), await split()];
  const mixed = [...one.slice(0, 3), ...other.slice(3, 5), one[5]];
  const words = mixed.map((share) => share.words());
  for (const team of [words.slice(1, 3), words.slice(3, 5)]) {
    assert.deepEqual(await slip39.combine([words[0], ...team]), recoveryKey);
  }
  const proving = prove(recoveryKey, mixed, await described(mixed, 2));
  await assert.rejects(proving, { code: "pieces_do_not_fit" });
});

test("pieces of another recovery key are refused", async () => {
  const shares = await slip39.split(randomBytes(32), 1, 1);
  const proving = prove(randomBytes(32), shares, await described(shares, 1));
  await assert.rejects(proving, { code: "pieces_do_not_fit" });
});

test("what is made is overwritten but for the kit, and that by wipe()", async () => {
  /** @type {Uint8Array[]} */
  const drawn = [];
  const real = crypto.getRandomValues.bind(crypto);
  // The recovery key is the first thing that is drawn.
  crypto.getRandomValues = (array) => {
    const filled = real(array);
    if (filled instanceof Uint8Array) drawn.push(Buffer.from(filled)); // not by the spy's methods
    return filled;
  };
  const plan = planOf();
  const secret = plan.secret.slice();
  const { result: made, seen } = await spyOn(() => make(plan, service, NOW)).finally(() => {
    crypto.getRandomValues = real;
  });
  const [recoveryKey] = drawn;
  assert.equal(recoveryKey.length, 32);
  const invited = made.invited[0];
  const password = invitation.Password.parse(new URL(invited.link).hash.slice(1), invited.digits);
  const anna = await invitation.open(invited.sealed, password, invited.custody);
  const binding = new seal.Binding({
    deposit: made.manifest.deposit,
    custody: made.manifest.ofRole("provider")[0].custody,
    manifestHash: made.manifest.hash,
  });
  const sealed = Buffer.from(made.body.provider_share, "base64url");
  const theirs = Payload.parse(await seal.open(sealed, provider, binding));
  const own = made.kit.payload;
  const secrets = {
    "recovery key": recoveryKey,
    secret,
    "customer's piece": own.share().value.slice(),
    "customer's words": utf8(own.words),
    "contact's piece": anna.payload.share().value.slice(),
    "contact's words": utf8(anna.payload.words),
    "provider's piece": theirs.share().value.slice(),
    "provider's words": utf8(theirs.words),
  };
  const combined = await slip39.combine([own.words, theirs.words]);
  assert.ok(recoveryKey.every((byte, i) => byte === combined[i]));
  // Age's library leaves the secret in a buffer of its own, as platform/age.js says.
  const ofAge = ["secret"];
  assert.deepEqual(leftovers(seen, secrets), [...ofAge, "customer's piece"]);
  assert.deepEqual(plan.secret, new Uint8Array(secret.length));
  made.wipe();
  assert.deepEqual(leftovers(seen, secrets), ofAge);
  assert.throws(() => invited.link, { code: "gone" });
  assert.throws(() => invited.digits, { code: "gone" });
  assert.throws(() => invited.inPerson, { code: "gone" });
});

test("a plan that cannot be sealed leaves no secret either", async () => {
  const plan = planOf({ contacts: [], needed: 0, secret: new Uint8Array(65_537).fill(7) });
  await assert.rejects(make(plan, service, NOW), { code: "wrong_secret_length" });
  assert.ok(plan.secret.every((byte) => byte === 0));
});

test("the body is the same one every time, and says nothing that is secret", async () => {
  const made = await make(planOf(), service, NOW);
  assert.equal(made.body, made.body);
  assert.ok(Object.isFrozen(made.body));
  const text = JSON.stringify(made.body) + JSON.stringify(made) + String(made.invited);
  const { words } = made.kit.payload;
  const [{ digits, link }] = made.invited;
  const secrets = [words.slice(0, 40), digits, new URL(link).hash.slice(1), "correct horse"];
  for (const secret of secrets) {
    assert.ok(!text.includes(secret));
    assert.ok(!text.includes(Buffer.from(secret).toString("base64url")));
  }
});

test("a backup password is 40 characters that cannot be mistaken, each as likely", () => {
  assert.equal(new Set(ALPHABET).size, 32);
  assert.ok(!/[ilou]/.test(ALPHABET));
  /** @type {Map<string, number>} */
  const counts = new Map();
  const passwords = Array.from({ length: 800 }, () => new TextDecoder().decode(backupPassword()));
  for (const password of passwords) {
    assert.match(password, /^([0-9a-z]{5}-){7}[0-9a-z]{5}$/);
    for (const c of password.replaceAll("-", "")) counts.set(c, (counts.get(c) ?? 0) + 1);
  }
  assert.equal(new Set(passwords).size, passwords.length);
  assert.deepEqual([...counts.keys()].sort().join(""), ALPHABET);
  // 1000 expected each; six standard deviations are 187.
  for (const [character, count] of counts) assert.ok(Math.abs(count - 1000) < 187, character);
});

test("every value of five bits gives its character", () => {
  const real = crypto.getRandomValues.bind(crypto);
  try {
    for (let start = 0; start < 32; start += 8) {
      crypto.getRandomValues = (array) => {
        const bytes = /** @type {any} */ (array);
        for (let i = 0; i < bytes.length; i++) bytes[i] = 0xe0 | ((start + i) % 32);
        return array;
      };
      const password = new TextDecoder().decode(backupPassword()).replaceAll("-", "");
      const expected = Array.from({ length: 40 }, (_, i) => ALPHABET[(start + i) % 32]).join("");
      assert.equal(password, expected);
    }
  } finally {
    crypto.getRandomValues = real;
  }
});

test("the bytes that a backup password is drawn from are overwritten", async () => {
  const { result, seen } = await spyOn(async () => backupPassword());
  assert.equal(result.length, 47);
  wipe(result);
  assert.ok(seen.every((array) => array.every((byte) => byte === 0)));
});
