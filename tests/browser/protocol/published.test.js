/** Other people's vectors: SLIP-39, RFC 6962, signed notes, X-Wing, HPKE. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { concat, equal, hex, unhex, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { hpke, native, portable } from "../../../escrow/browser/platform/hpke.js";
import { BadShare, ProtocolError } from "../../../escrow/browser/protocol/errors.js";
import * as note from "../../../escrow/browser/protocol/note.js";
import * as seal from "../../../escrow/browser/protocol/seal.js";
import * as slip39 from "../../../escrow/browser/protocol/slip39.js";
import * as tree from "../../../escrow/browser/protocol/tree.js";

const FOLDER = new URL("../../vectors/published/", import.meta.url);

/** @param {string} path @returns {any} */
const load = (path) => JSON.parse(readFileSync(new URL(path, FOLDER), "utf8"));

/** @param {string | null} text */
const base64 = (text) => Uint8Array.from(Buffer.from(text ?? "", "base64"));

/** @param {unknown} error @param {string[]} codes */
const hasCode = (error, ...codes) => error instanceof ProtocolError && codes.includes(error.code);

// Which refusal each of the published failures is, by its title's words.
const SLIP39_CODES = {
  "invalid checksum": "wrong_checksum",
  "invalid padding": "wrong_padding",
  "Basic sharing 2-of-3": "missing_share",
  "different identifiers": "mixed_sets",
  "different iteration exponents": "mixed_headers",
  mismatching: "mixed_headers",
  "greater group threshold": "wrong_header",
  "duplicate member indices": "duplicate_share",
  "invalid digest": "wrong_digest",
  "Insufficient number of groups": "missing_share",
  "insufficient number of members": "missing_share",
  "insufficient length": "wrong_word_count",
  "invalid master secret length": "wrong_word_count",
};

test("all 45 cases of SLIP-0039", async () => {
  /** @type {[string, string[], string][]} */
  const cases = load("slip39/vectors.json");
  assert.equal(cases.length, 45);
  for (const [title, mnemonics, secret] of cases) {
    const combined = slip39.combine(mnemonics, utf8("TREZOR"));
    if (secret) {
      assert.equal(hex(await combined), secret, title);
      continue;
    }
    const codes = Object.entries(SLIP39_CODES)
      .filter(([words]) => title.includes(words))
      .map(([, code]) => code);
    const isRight = (/** @type {unknown} */ error) =>
      error instanceof BadShare && hasCode(error, ...codes);
    await assert.rejects(combined, isRight, title);
  }
});

test("the word list of SLIP-0039, and Python's copy of it", () => {
  const published = readFileSync(new URL("slip39/wordlist.txt", FOLDER), "utf8");
  assert.deepEqual(slip39.wordList(), published.trim().split("\n"));
});

/** @param {string} folder @returns {any[]} */
function merkleCases(folder) {
  const options = /** @type {const} */ ({ recursive: true, encoding: "utf8" });
  const names = readdirSync(new URL(folder, FOLDER), options);
  return names.filter((name) => name.endsWith(".json")).map((name) => load(`${folder}/${name}`));
}

test("all 98 proofs of inclusion of RFC 6962's own language", () => {
  const cases = merkleCases("merkle/testdata/inclusion");
  assert.equal(cases.length, 98);
  for (const { leafHash, leafIdx, treeSize, proof, root, wantErr } of cases) {
    const path = (proof ?? []).map(base64);
    const check = () =>
      tree.verifyInclusion(base64(leafHash), leafIdx, treeSize, path, base64(root));
    if (wantErr) assert.throws(check, (error) => hasCode(error, "wrong_proof"));
    else check();
  }
});

test("all 98 proofs of consistency", () => {
  const cases = merkleCases("merkle/testdata/consistency");
  assert.equal(cases.length, 98);
  for (const { size1, size2, proof, root1, root2, wantErr } of cases) {
    const path = (proof ?? []).map(base64);
    const check = () =>
      tree.verifyConsistency(size1, size2, path, base64(root1), base64(root2));
    if (wantErr) assert.throws(check, (error) => hasCode(error, "wrong_proof"));
    else check();
  }
});

const NOTES = load("signed-note/signed-note.json");

/** Give the note as text; null for bytes that are no UTF-8. @param {any} testCase */
function textOf(testCase) {
  if ("msg" in testCase) return String(testCase.msg);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(unhex(testCase.msg_hex));
  } catch {
    return null;
  }
}

for (const each of NOTES.vectors) {
  test(`signed note: ${each.name}`, async () => {
    const verifiers = each.vkeys.map((/** @type {string} */ vkey) => note.Verifier.parse(vkey));
    for (const verifier of verifiers) assert.ok(each.vkeys.includes(verifier.vkey));
    const signed = textOf(each);
    if (signed === null) return assert.equal(each.accept, false);
    if (!each.accept) return assert.rejects(note.verify(signed, verifiers), ProtocolError);
    const text = await note.verify(signed, verifiers);
    assert.equal(text, signed.slice(0, signed.lastIndexOf("\n\n") + 1));
    for (const verifier of verifiers) {
      const held = each.verified_by.includes(verifier.name);
      if (held) await note.verify(signed, [verifier]);
      else await assert.rejects(note.verify(signed, [verifier]), ProtocolError);
    }
    return undefined;
  });
}

test("bad verifier keys and checkpoints", () => {
  for (const vkey of NOTES.bad_vkeys) {
    assert.throws(() => note.Verifier.parse(vkey), (error) => hasCode(error, "malformed_vkey"));
  }
  for (const body of NOTES.bad_checkpoint_bodies) {
    assert.throws(() => note.Checkpoint.parse(body), (error) => hasCode(error, "malformed_note"));
  }
  const good = NOTES.good_checkpoint_body;
  const found = note.Checkpoint.parse(good.body);
  assert.equal(found.size, good.size);
  assert.ok(equal(found.root, tree.leafHash(utf8(good.root_is_leaf_hash_of))));
  assert.equal(found.text, good.body);
});

const HPKE = load("hpke/hpke-pq.json")[0];
const SUITES = /** @type {const} */ ([
  ["native", async () => native()],
  ["portable", portable],
]);

for (const [name, make] of SUITES) {
  test(`X-Wing public keys, ${name}`, async () => {
    const { publicKeyOf } = await make();
    for (const { sk, pk } of load("xwing/test-vectors.json")) {
      assert.equal(hex(await publicKeyOf(unhex(sk))), pk);
    }
    assert.equal(hex(await publicKeyOf(unhex(HPKE.skRm))), HPKE.pkRm);
  });

  test(`HPKE's published ciphertexts, ${name}`, async () => {
    assert.deepEqual([HPKE.mode, HPKE.kem_id, HPKE.kdf_id, HPKE.aead_id], [0, 0x647a, 1, 3]);
    const { suite } = await make();
    const key = await suite.DeserializePrivateKey(unhex(HPKE.skRm), false);
    const [first] = HPKE.encryptions;
    const options = { info: unhex(HPKE.info), aad: unhex(first.aad) };
    assert.equal(hex(await suite.Open(key, unhex(HPKE.enc), unhex(first.ct), options)), first.pt);
  });
}

test("what one of the two HPKE parts seals, the other opens", async () => {
  const binding = { info: utf8("escrow"), aad: new Uint8Array(0) };
  const [a, b] = [native(), await portable()];
  const seed = crypto.getRandomValues(new Uint8Array(32));
  for (const [sender, recipient] of [[a, b], [b, a]]) {
    const key = await sender.suite.DeserializePublicKey(await recipient.publicKeyOf(seed));
    const sealed = await sender.suite.Seal(key, utf8("share"), binding);
    const { encapsulatedSecret: enc, ciphertext } = sealed;
    const secret = await recipient.suite.DeserializePrivateKey(seed, false);
    const opened = await recipient.suite.Open(secret, enc, ciphertext, binding);
    assert.ok(equal(opened, utf8("share")));
  }
});

test("a browser with its own ML-KEM uses that, and only then", async (context) => {
  const fresh = "../../../escrow/browser/platform/hpke.js?without";
  assert.ok((await hpke()).publicKeyOf === native().publicKeyOf);
  const subtle = /** @type {any} */ (crypto.subtle);
  const missing = () => Promise.reject(new DOMException("ML-KEM", "NotSupportedError"));
  context.mock.method(subtle, "encapsulateBits", missing);
  const { hpke: without } = await import(fresh);
  const { suite, publicKeyOf } = await without();
  const seed = new Uint8Array(32).fill(7);
  const key = await suite.DeserializePublicKey(await publicKeyOf(seed));
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, utf8("x"), {});
  assert.equal(concat(encapsulatedSecret, ciphertext).length, seal.ENC_LENGTH_BYTES + 17);
});
