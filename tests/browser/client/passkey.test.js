/** Passkeys that behave in every way that real ones do: handed in, since no Chromium misbehaves. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Copies } from "../../../escrow/browser/client/copies.js";
import { create, evaluate } from "../../../escrow/browser/client/passkey.js";
import { randomBytes, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { makeDeposit } from "../protocol/deposit.js";
import { leftovers, spyOn } from "../protocol/spy.js";

const SITE = { rpId: "escrow.test", rpName: "Escrow", userName: "Anna" };
const ID = randomBytes(32);
const { manifest, custodies, payloads } = await makeDeposit();
const copies = new Copies(manifest, custodies[1]);
const plainText = () => ({ share: payloads[1].data, check: utf8("sixteen bytes ok") });

/** @param {string} name @param {string} input */
const outputText = (name, input) => `${name} ${input} `.padEnd(32, "#").slice(0, 32);

/**
 * An authenticator: `created` and then one of `got` after the other are what PRF gives, by name of an
 * output; null is none. `enabled` is what create() says of the extension.
 * @param {{ created?: string | null, got?: (string | null)[], enabled?: boolean, parts?: number }} how
 */
function authenticator({ created = null, got = ["a"], enabled = true, parts = 2 }) {
  /** @type {any[]} */
  const asked = [];
  /** @type {ArrayBuffer[]} */
  const given = [];
  /** @param {string} name @param {string} input */
  const output = (name, input) => {
    const buffer = new ArrayBuffer(32); // of no array that the spy sees
    const view = new DataView(buffer);
    for (const [i, c] of [...outputText(name, input)].entries()) view.setUint8(i, c.charCodeAt(0));
    given.push(buffer);
    return buffer;
  };
  /** @param {any} options @param {string | null | undefined} name @param {object} more */
  const answer = (options, name, more) => {
    asked.push(options.publicKey);
    const inputs = Object.entries(options.publicKey.extensions.prf.eval).slice(0, parts);
    const text = (/** @type {any} */ input) => new TextDecoder().decode(input);
    const results = name && inputs.map(([key, input]) => [key, output(name, text(input))]);
    const prf = { ...more, ...(results ? { results: Object.fromEntries(results) } : {}) };
    return { rawId: ID.slice().buffer, getClientExtensionResults: () => ({ prf }) };
  };
  let times = 0;
  const credentials = /** @type {any} */ ({
    create: async (/** @type {any} */ options) => answer(options, created, { enabled }),
    get: async (/** @type {any} */ options) => answer(options, got[Math.min(times++, got.length - 1)], {}),
  });
  return { credentials, asked, given };
}

/** @param {ReturnType<typeof authenticator>} made */
async function makeCopies({ credentials }) {
  return copies.make(credentials, SITE.rpId, await create(credentials, SITE), plainText());
}

/** @type {[string, Parameters<typeof authenticator>[0], number][]} */
const GOOD = [
  ["gives its secret only to get()", { created: null, got: ["a"] }, 3],
  ["gives it to create() too", { created: "a", got: ["a"] }, 2],
  ["gives another one to create()", { created: "b", got: ["a"] }, 3],
];
for (const [name, how, questions] of GOOD) {
  test(`an authenticator that ${name}`, async () => {
    const made = authenticator(how);
    const kept = await makeCopies(made);
    assert.equal(made.asked.length, questions);
    assert.deepEqual(kept.map(({ part }) => part), ["share", "check"]);
    for (const part of /** @type {const} */ (["share", "check"])) {
      const later = authenticator({ got: ["a"] });
      const found = await copies.open(later.credentials, SITE.rpId, kept, part);
      assert.deepEqual(found, plainText()[part]);
      const inputs = Object.values(later.asked[0].extensions.prf.eval);
      assert.deepEqual(inputs.map((each) => new TextDecoder().decode(each)), [`escrow/v1/${part}`]);
    }
    const stranger = authenticator({ got: ["c"] });
    const opening = copies.open(stranger.credentials, SITE.rpId, kept, "share");
    await assert.rejects(opening, { code: "not_opened" });
    assert.ok(made.given.every((buffer) => new Uint8Array(buffer).every((byte) => byte === 0)));
  });
}

test("a secret that is another one each time keeps nothing", async () => {
  const making = makeCopies(authenticator({ got: ["a", "b", "c", "d"] }));
  await assert.rejects(making, { code: "prf_unstable" });
});

/** @type {[string, Parameters<typeof authenticator>[0]][]} */
const WITHOUT = [
  ["says so", { enabled: false }],
  ["only shows it by its result", { got: [null] }],
  ["gives one secret of two", { parts: 1 }],
];
for (const [name, how] of WITHOUT) {
  test(`an authenticator without PRF that ${name}`, async () => {
    await assert.rejects(makeCopies(authenticator(how)), { code: "no_prf" });
  });
}

test("every question asks for the user's verification, and is a fresh one", async () => {
  const made = authenticator({});
  await makeCopies(made);
  const [creating, ...getting] = made.asked;
  assert.equal(creating.authenticatorSelection.userVerification, "required");
  for (const each of getting) {
    assert.equal(each.userVerification, "required");
    assert.deepEqual(each.allowCredentials.map((/** @type {any} */ one) => one.id), [ID]);
  }
  const challenges = made.asked.map(({ challenge }) => Buffer.from(challenge).toString("hex"));
  assert.equal(new Set(challenges).size, challenges.length);
});

/** @type {[string, string][]} */
const ENDED = [
  ["NotAllowedError", "passkey_cancelled"],
  ["InvalidStateError", "passkey_exists"],
  ["NotSupportedError", "no_passkeys"],
  ["SecurityError", "passkey_cancelled"],
];
for (const [name, code] of ENDED) {
  test(`what the browser ends with ${name} is ${code}`, async () => {
    const credentials = /** @type {any} */ ({
      create: () => Promise.reject(new DOMException("", name)),
      get: () => Promise.resolve(null),
    });
    await assert.rejects(create(credentials, SITE), { name: "PasskeyError", code });
    const nothing = evaluate(credentials, SITE.rpId, [ID], ["check"]);
    await assert.rejects(nothing, { code: "passkey_cancelled" });
  });
}

test("a browser without passkeys", async () => {
  for (const credentials of /** @type {any[]} */ ([undefined, {}])) {
    await assert.rejects(create(credentials, SITE), { code: "no_passkeys" });
    await assert.rejects(evaluate(credentials, SITE.rpId, [ID], ["check"]), { code: "no_passkeys" });
  }
});

test("no copy, no question", async () => {
  const { credentials, asked } = authenticator({});
  await assert.rejects(copies.open(credentials, SITE.rpId, [], "share"), { code: "no_passkeys" });
  assert.equal(asked.length, 0);
});

test("what wrapping and opening hold is overwritten", async () => {
  const plain = plainText();
  const secrets = { share: plain.share.slice(), check: plain.check.slice() };
  const outputs = ["share", "check"].map((part) => utf8(outputText("a", `escrow/v1/${part}`)));
  const all = { ...secrets, "prf share": outputs[0], "prf check": outputs[1] };
  const { seen } = await spyOn(async () => {
    const { credentials } = authenticator({ got: ["a"] });
    const created = await create(credentials, SITE);
    const kept = await copies.make(credentials, SITE.rpId, created, plain);
    (await copies.open(credentials, SITE.rpId, kept, "share")).fill(0);
  });
  assert.deepEqual(leftovers(seen, all), []);
});
