/**
 * Attestation: a custodian's proof that it still holds its share, without showing it.
 *
 *     PAE("escrow/v1/attest", deposit, custody, manifest_hash, means, checkpoint_hash, time)
 *
 * `means` is `share`, signed with the release key (acceptance, enrolment, drill, provider), or `check`,
 * signed with the attest key (check code or passkey). `checkpoint_hash` is the SHA-256 of the text of
 * a checkpoint that the signer has seen: the proof was made after it. Source: PROTOCOL.md section 9.
 */

import { pae, rawId } from "./encoding.js";
import * as keys from "./keys.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("./manifest.js").Manifest} Manifest */

export const MEANS = Object.freeze(["share", "check"]);

/** What is attested. `checkpointHash` has 32 bytes, `time` is in Unix seconds. */
export class Attestation {
  /**
   * @param {{
   *   deposit: string,
   *   custody: string,
   *   manifestHash: Uint8Array,
   *   means: string,
   *   checkpointHash: Uint8Array,
   *   time: number,
   * }} fields
   */
  constructor({ deposit, custody, manifestHash, means, checkpointHash, time }) {
    this.deposit = deposit;
    this.custody = custody;
    this.manifestHash = manifestHash;
    this.means = means;
    this.checkpointHash = checkpointHash;
    this.time = time;
    Object.freeze(this);
  }
}

/** @param {Attestation} attestation */
function messageOf({ deposit, custody, manifestHash, means, checkpointHash, time }) {
  const subject = [rawId(deposit), rawId(custody), manifestHash];
  return pae("escrow/v1/attest", ...subject, means, checkpointHash, time);
}

/**
 * Sign with the release key (means `share`) or the attest key (means `check`); 64 bytes.
 * @param {Attestation} attestation @param {Ed25519PrivateKey} key
 */
export async function sign(attestation, key) {
  return key.sign(messageOf(attestation));
}

/**
 * Check a proof against the manifest's key for its means; throws BadSignature or Mismatch.
 * @param {Attestation} attestation @param {Uint8Array} signature @param {Manifest} manifest
 */
export async function verify(attestation, signature, manifest) {
  const line = manifest.custody(attestation.custody);
  const key = attestation.means === "share" ? line.releaseKey : line.attestKey;
  await keys.verify(key, signature, messageOf(attestation));
}
