/** Browsers that lack Ed25519 or X25519: the same signatures, keys and files come out. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { decrypt, encrypt } from "../../../escrow/browser/platform/age.js";
import { equal, hex, randomBytes, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey, isSignature } from "../../../escrow/browser/platform/ed25519.js";
import { ageIdentity } from "../../../escrow/browser/protocol/keys.js";

/** Take an algorithm away, as an old browser does. @param {import("node:test").TestContext} context @param {string} name */
function without(context, name) {
  const real = crypto.subtle.importKey.bind(crypto.subtle);
  let refused = 0;
  /** @param {any[]} given */
  const importKey = (...given) => {
    if ((given[2].name ?? given[2]) !== name) return real(.../** @type {[any, any, any, any, any]} */ (given));
    refused += 1;
    return Promise.reject(new DOMException("Unrecognized name", "NotSupportedError"));
  };
  context.mock.method(crypto.subtle, "importKey", importKey);
  return () => refused;
}

test("without Ed25519 the same signatures", async (context) => {
  const seed = randomBytes(32);
  const message = utf8("message");
  const there = await Ed25519PrivateKey.fromPrivateBytes(seed.slice());
  const signature = await there.sign(message);
  const refused = without(context, "Ed25519");
  const here = await Ed25519PrivateKey.fromPrivateBytes(seed.slice());
  assert.equal(hex(here.publicKey), hex(there.publicKey));
  assert.equal(hex(await here.sign(message)), hex(signature));
  assert.ok(await isSignature(here.publicKey, signature, message));
  assert.ok(!(await isSignature(here.publicKey, signature, utf8("other"))));
  assert.ok(!(await isSignature(new Uint8Array(32).fill(255), signature, message)));
  assert.equal(refused(), 4);
  here.wipe();
  assert.notEqual(hex(await here.sign(message)), hex(signature));
});

test("without X25519 the same files", async (context) => {
  const identity = randomBytes(32);
  const plaintext = utf8("secret");
  const there = await encrypt(plaintext, identity, ageIdentity);
  const refused = without(context, "X25519");
  assert.ok(equal(await decrypt(there, identity, ageIdentity), plaintext));
  const here = await encrypt(plaintext, identity, ageIdentity);
  assert.ok(equal(await decrypt(here, identity, ageIdentity), plaintext));
  await assert.rejects(decrypt(here, randomBytes(32), ageIdentity), { reason: "wrong_key" });
  assert.ok(refused() > 0);
});
