/** Encoding, Bech32, keys, SLIP-39, envelope, shares from elsewhere. */

import * as encoding from "../../../../escrow/browser/protocol/encoding.js";
import * as envelope from "../../../../escrow/browser/protocol/envelope.js";
import * as keys from "../../../../escrow/browser/protocol/keys.js";
import * as primeShares from "../../../../escrow/browser/protocol/prime_shares.js";
import * as slip39 from "../../../../escrow/browser/protocol/slip39.js";
import { privateKey, raw } from "./registry.js";

/** @typedef {import("./registry.js").Operation} Operation */
/** @typedef {import("../../../../escrow/browser/platform/ed25519.js").Ed25519PrivateKey} PrivateKey */

/** @param {PrivateKey} key */
function keyPair(key) {
  return { key: keys.publicBytes(key) };
}

/** @type {Record<string, (value?: any) => encoding.Field>} */
const FIELDS = {
  bytes: raw,
  id: encoding.rawId,
  int: Number,
  text: String,
  empty: () => null,
};

/** @type {Record<string, keyof slip39.ShareFields>} */
const SHARE_FIELDS = {
  identifier: "identifier",
  extendable: "extendable",
  exponent: "iterationExponent",
  group: "groupIndex",
  group_threshold: "groupThreshold",
  group_count: "groupCount",
  member: "memberIndex",
  member_threshold: "memberThreshold",
  value: "value",
};

/** @type {Record<string, Operation>} */
export const PRIMITIVES = {
  pae: ({ label, fields }) => ({
    bytes: encoding.pae(
      label,
      ...fields.map((/** @type {[string, any]} */ [kind, value]) => FIELDS[kind](value)),
    ),
  }),
  digits: ({ hash, count }) => ({ digits: encoding.digits(raw(hash), count) }),
  grouped: ({ digits }) => ({ text: encoding.grouped(digits) }),
  write_json: ({ value }) => ({ bytes: encoding.dumpJson(value) }),
  write_identity: ({ key }) => ({ identity: keys.ageIdentity(raw(key)) }),
  read_identity: ({ identity }) => ({ key: keys.ageIdentityBytes(identity) }),
  context: ({ deposit }) => ({ context: keys.context(deposit) }),
  owner_key: async (given) =>
    keyPair(await keys.ownerKey(raw(given.recovery_key), given.deposit)),
  release_key: async (given) =>
    keyPair(await keys.releaseKey(raw(given.value), given.deposit, given.custody)),
  check_seed: (given) => ({
    check_seed: keys.checkSeed(raw(given.value), given.deposit, given.custody),
  }),
  attest_key: async (given) =>
    keyPair(await keys.attestKey(raw(given.check_seed), given.deposit, given.custody)),
  check_code: (given) => ({ digits: keys.checkCode(raw(given.check_seed)) }),
  read_check_code: ({ digits }) => ({ check_seed: keys.checkCodeSeed(digits) }),
  sign: async ({ seed, message }) => ({
    signature: await (await privateKey(seed)).sign(raw(message)),
  }),
  verify: ({ key, signature, message }) => keys.verify(raw(key), raw(signature), raw(message)),
  combine: async ({ shares }) => ({ secret: await slip39.combine(shares) }),
  split: async ({ secret, needed, count }) => {
    const made = await slip39.split(raw(secret), needed, count);
    return { shares: made.map((piece) => piece.words()) };
  },
  read_share: ({ words }) => {
    const found = slip39.Share.parse(words);
    const named = Object.entries(SHARE_FIELDS);
    return Object.fromEntries(named.map(([name, attribute]) => [name, found[attribute]]));
  },
  write_share: (given) => {
    const named = Object.entries(given).map(([name, value]) => [SHARE_FIELDS[name], value]);
    const fields = { ...Object.fromEntries(named), value: raw(given.value) };
    return { words: new slip39.Share(fields).words() };
  },
  open_envelope: async (given) => ({
    secret: await envelope.open(raw(given.envelope), raw(given.recovery_key)),
  }),
  seal_envelope: async (given) => ({
    envelope: await envelope.seal(raw(given.secret), raw(given.recovery_key)),
  }),
  read_prime_shares: ({ shares, kind }) => {
    const secret = primeShares.combine(shares);
    return { secret: kind === "hex" ? primeShares.asHex(secret) : primeShares.asText(secret) };
  },
};
