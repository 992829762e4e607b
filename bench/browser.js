/** In a page: an enrolment and a recovery as the pages do them, and the floor that SLIP-39 sets. */

import { make } from "../escrow/browser/client/making.js";
import { randomBytes, utf8, wipe } from "../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey } from "../escrow/browser/platform/ed25519.js";
import { b64urlDecode } from "../escrow/browser/protocol/encoding.js";
import * as envelopes from "../escrow/browser/protocol/envelope.js";
import { Kit } from "../escrow/browser/protocol/kit.js";
import * as note from "../escrow/browser/protocol/note.js";
import * as seal from "../escrow/browser/protocol/seal.js";
import { Payload } from "../escrow/browser/protocol/share.js";
import * as slip39 from "../escrow/browser/protocol/slip39.js";

const NOW = 1_800_000_000;
const DAY_SECONDS = 86_400;
const ROUNDS_OF_SLIP39 = 4;
const ITERATIONS_A_ROUND = 2500;
const HALF_OF_A_KEY_BITS = 128;

/** A service that the page has checked already, and the key that its custodian would hold. */
async function service() {
  const key = await Ed25519PrivateKey.fromPrivateBytes(randomBytes(32));
  const { vkey } = new note.Signer({ name: "escrow.test/ledger", key }).verifier;
  const provider = seal.PrivateKey.generate();
  return { provider, keys: { ledgerVkey: vkey, providerKey: await provider.publicKey() } };
}

/**
 * Make a deposit; milliseconds until the first invitation is stretched, and until the end.
 * @param {Awaited<ReturnType<typeof service>>} given @param {number} needed @param {number} count
 */
async function enrol(given, needed, count) {
  const plan = {
    label: "Laptop backup",
    secret: utf8("correct horse battery staple"),
    contacts: Array.from({ length: count }, (_, i) => ({
      name: `Contact ${i}`,
      address: `contact${i}@example.org`,
    })),
    needed,
    waitingSeconds: 3 * DAY_SECONDS,
    contactsReplaceTotp: false,
    replaces: null,
    url: "https://escrow.test",
  };
  const begun = performance.now();
  let stretching = 0;
  const made = await make(plan, given.keys, NOW, () => (stretching ||= performance.now()));
  const ended = performance.now();
  return { made, apart: stretching - begun, whole: ended - begun };
}

/**
 * Open the provider's piece and the kit's file, combine, prove what came out, open the envelope.
 * @param {Awaited<ReturnType<typeof service>>} given @param {import("../escrow/browser/client/made.js").Made} made
 */
async function recover(given, made) {
  const { manifest, data } = made.kit;
  const { custody } = manifest.ofRole("provider")[0];
  const binding = { deposit: manifest.deposit, custody, manifestHash: manifest.hash };
  const sealed = b64urlDecode(made.body.provider_share);
  const begun = performance.now();
  const opened = await seal.open(sealed, given.provider, new seal.Binding(binding));
  const share = await Payload.parse(opened);
  const kit = await Kit.parse(data);
  const shares = [kit.payload.share(), share.share()];
  const recoveryKey = await slip39.combineShares(shares);
  await kit.manifest.checkRecovered(recoveryKey, kit.envelope, kit.manifestSignature);
  const secret = await envelopes.open(kit.envelope, recoveryKey);
  const took = performance.now() - begun;
  if (!secret.length) throw new Error("nothing came back");
  wipe(recoveryKey, secret);
  return took;
}

/** Stretch as SLIP-39 demands for one split or combine, by the browser itself. */
async function stretch() {
  const begun = performance.now();
  for (let i = 0; i < ROUNDS_OF_SLIP39; i++) {
    const key = await crypto.subtle.importKey("raw", randomBytes(17), "PBKDF2", false, ["deriveBits"]);
    await crypto.subtle.deriveBits(
      { name: "PBKDF2", hash: "SHA-256", salt: randomBytes(24), iterations: ITERATIONS_A_ROUND },
      key,
      HALF_OF_A_KEY_BITS,
    );
  }
  return performance.now() - begun;
}

/**
 * Run everything in turn, once to warm up and then `rounds` times.
 * @param {number} rounds @param {number} needed @param {number} count
 */
async function measure(rounds, needed, count) {
  const given = await service();
  const found = { first: 0, apart: [0], whole: [0], recover: [0], floor: [0] };
  for (let turn = 0; turn <= rounds; turn++) {
    const { made, apart, whole } = await enrol(given, needed, count);
    if (!turn) found.first = apart;
    found.apart[turn] = apart;
    found.whole[turn] = whole;
    found.recover[turn] = await recover(given, made);
    found.floor[turn] = await stretch();
    made.kit.wipe();
  }
  const { first, ...rest } = found;
  return { first, ...Object.fromEntries(Object.entries(rest).map(([name, all]) => [name, all.slice(1)])) };
}

Object.assign(globalThis, { measure });
