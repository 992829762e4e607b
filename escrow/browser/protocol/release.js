/**
 * Statements of a recovery: proof of the person, release, completion, replacement.
 *
 *     proof     PAE("escrow/v1/proof", deposit, custody, recovery, session, SHA-256(public_key),
 *                   checkpoint_hash), by a release key; session and key hash empty at `open`
 *     release   PAE("escrow/v1/release", deposit, custody, recovery, session, manifest_hash,
 *                   SHA-256(public_key), SHA-256(sealed), time), by the custody's release key
 *     complete  PAE("escrow/v1/complete", deposit, recovery, manifest_hash, time), by the owner key
 *     replaced  PAE("escrow/v1/replaced", old deposit, new manifest_hash), by the old owner key
 *
 * `proof` is one of PROOFS: what a recovery was opened with. A slower one waits longer.
 * Source: PROTOCOL.md sections 10 and 11.
 */

import { digits, pae, paeHash, rawId } from "./encoding.js";
import * as keys from "./keys.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

export const PROOFS = Object.freeze(["totp", "kit", "contacts", "totp+kit", "totp+contacts"]);
export const NUMBER_DIGITS = 8;
const DAY_SECONDS = 86400;

/** One custody's release to one session. Hashes have 32 bytes, `time` is in Unix seconds. */
export class Release {
  /**
   * @param {{
   *   deposit: string,
   *   custody: string,
   *   recovery: string,
   *   session: string,
   *   manifestHash: Uint8Array,
   *   publicKeySha256: Uint8Array,
   *   sealedSha256: Uint8Array,
   *   time: number,
   * }} fields
   */
  constructor(fields) {
    this.deposit = fields.deposit;
    this.custody = fields.custody;
    this.recovery = fields.recovery;
    this.session = fields.session;
    this.manifestHash = fields.manifestHash;
    this.publicKeySha256 = fields.publicKeySha256;
    this.sealedSha256 = fields.sealedSha256;
    this.time = fields.time;
    Object.freeze(this);
  }
}

/** @param {Release} release */
function releaseMessage(release) {
  return pae(
    "escrow/v1/release",
    rawId(release.deposit),
    rawId(release.custody),
    rawId(release.recovery),
    rawId(release.session),
    release.manifestHash,
    release.publicKeySha256,
    release.sealedSha256,
    release.time,
  );
}

/** Sign a release with the custody's release key; returns 64 bytes. @param {Release} release @param {Ed25519PrivateKey} key */
export async function sign(release, key) {
  return key.sign(releaseMessage(release));
}

/**
 * Check a release by the 32-byte public release key; throws BadSignature.
 * @param {Release} release @param {Uint8Array} signature @param {Uint8Array} releaseKey
 */
export async function verify(release, signature, releaseKey) {
  await keys.verify(releaseKey, signature, releaseMessage(release));
}

/** Proof of the person by a piece. Session and key hash are null when a recovery is opened. */
export class Proof {
  /**
   * @param {{
   *   deposit: string,
   *   custody: string,
   *   recovery: string,
   *   session: string | null,
   *   publicKeySha256: Uint8Array | null,
   *   checkpointHash: Uint8Array,
   * }} fields
   */
  constructor({ deposit, custody, recovery, session, publicKeySha256, checkpointHash }) {
    this.deposit = deposit;
    this.custody = custody;
    this.recovery = recovery;
    this.session = session;
    this.publicKeySha256 = publicKeySha256;
    this.checkpointHash = checkpointHash;
    Object.freeze(this);
  }
}

/** @param {Proof} proof */
function proofMessage(proof) {
  return pae(
    "escrow/v1/proof",
    rawId(proof.deposit),
    rawId(proof.custody),
    rawId(proof.recovery),
    rawId(proof.session),
    proof.publicKeySha256,
    proof.checkpointHash,
  );
}

/**
 * Return the least wait in seconds for a proof and the manifest's waiting time.
 *
 * The provider and a late change may only lengthen it. Throws RangeError for an unknown proof.
 * @param {string} proof @param {number} waitingSeconds
 */
export function shortestWait(proof, waitingSeconds) {
  switch (proof) {
    case "totp":
      return waitingSeconds;
    case "kit":
      return Math.max(3 * waitingSeconds, 7 * DAY_SECONDS);
    case "contacts":
      return Math.max(waitingSeconds, 30 * DAY_SECONDS);
    case "totp+kit":
    case "totp+contacts":
      return Math.max(2 * waitingSeconds, 14 * DAY_SECONDS);
    default:
      throw new RangeError(`no such proof: ${proof}`);
  }
}

/** Return the 8 digits by which customer and contact know on the telephone which one it is. @param {string} recovery */
export function number(recovery) {
  return digits(paeHash("escrow/v1/recovery/number", rawId(recovery)), NUMBER_DIGITS);
}

/** Sign a proof of the person with a release key; returns 64 bytes. @param {Proof} proof @param {Ed25519PrivateKey} key */
export async function signProof(proof, key) {
  return key.sign(proofMessage(proof));
}

/**
 * Check a proof of the person; throws BadSignature.
 * @param {Proof} proof @param {Uint8Array} signature @param {Uint8Array} releaseKey
 */
export async function verifyProof(proof, signature, releaseKey) {
  await keys.verify(releaseKey, signature, proofMessage(proof));
}

/** @param {string} deposit @param {string} recovery @param {Uint8Array} manifestHash @param {number} time */
function completeMessage(deposit, recovery, manifestHash, time) {
  return pae("escrow/v1/complete", rawId(deposit), rawId(recovery), manifestHash, time);
}

/**
 * State with the owner key, which only `R` gives, that a recovery succeeded; 64 bytes.
 * @param {Ed25519PrivateKey} key @param {string} deposit @param {string} recovery
 * @param {Uint8Array} manifestHash @param {number} time
 */
export async function signComplete(key, deposit, recovery, manifestHash, time) {
  return key.sign(completeMessage(deposit, recovery, manifestHash, time));
}

/**
 * Check the statement that a recovery succeeded; throws BadSignature.
 * @param {Uint8Array} ownerKey @param {Uint8Array} signature @param {string} deposit
 * @param {string} recovery @param {Uint8Array} manifestHash @param {number} time
 */
export async function verifyComplete(ownerKey, signature, deposit, recovery, manifestHash, time) {
  await keys.verify(ownerKey, signature, completeMessage(deposit, recovery, manifestHash, time));
}

/** @param {string} oldDeposit @param {Uint8Array} newManifestHash */
function replacedMessage(oldDeposit, newManifestHash) {
  return pae("escrow/v1/replaced", rawId(oldDeposit), newManifestHash);
}

/**
 * State with the old owner key that a new deposit takes the old one's place; 64 bytes.
 * @param {Ed25519PrivateKey} key @param {string} oldDeposit @param {Uint8Array} newManifestHash
 */
export async function signReplaced(key, oldDeposit, newManifestHash) {
  return key.sign(replacedMessage(oldDeposit, newManifestHash));
}

/**
 * Check a statement of replacement; throws BadSignature.
 * @param {Uint8Array} ownerKey @param {Uint8Array} signature @param {string} oldDeposit
 * @param {Uint8Array} newManifestHash
 */
export async function verifyReplaced(ownerKey, signature, oldDeposit, newManifestHash) {
  await keys.verify(ownerKey, signature, replacedMessage(oldDeposit, newManifestHash));
}
