/** Proving to the service that a piece is there, without showing it (PROTOCOL.md section 9). */

import * as attestations from "../protocol/attestation.js";
import { b64url } from "../protocol/encoding.js";
import * as keys from "../protocol/keys.js";
import { text } from "./answers.js";
import { WrongPiece, checked } from "./errors.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {import("../protocol/share.js").Payload} Payload */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */

/**
 * Prove with the whole piece (means `share`); returns the custody's state.
 *
 * Throws WrongPiece for a piece of another deposit, ServiceError, and what the ledger refuses.
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {Payload} payload
 */
export async function attestShare(client, ledger, manifest, payload) {
  const share = await checked(() => payload.checkWith(manifest), WrongPiece);
  const key = await keys.releaseKey(share.value, payload.deposit, payload.custody);
  return attest(client, ledger, manifest, payload.custody, "share", key);
}

/**
 * Prove with the check seed only (means `check`); returns the custody's state. See `attestShare`.
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {string} custody
 * @param {Uint8Array} seed
 */
export async function attestCheck(client, ledger, manifest, custody, seed) {
  const key = await keys.attestKey(seed, manifest.deposit, custody);
  return attest(client, ledger, manifest, custody, "check", key);
}

/**
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {string} custody
 * @param {"share" | "check"} means @param {Ed25519PrivateKey} key it is forgotten
 */
async function attest(client, ledger, manifest, custody, means, key) {
  try {
    const { hash: checkpointHash } = await ledger.newest();
    const { deposit, hash: manifestHash } = manifest;
    const said = { deposit, custody, manifestHash, means, checkpointHash, time: client.now() };
    const made = new attestations.Attestation(said);
    const signature = await attestations.sign(made, key);
    await checked(() => attestations.verify(made, signature, manifest), WrongPiece);
    const body = {
      means,
      checkpoint_hash: b64url(checkpointHash),
      time: made.time,
      signature: b64url(signature),
    };
    const answer = await client.post(`custodies/${custody}/attestations`, body, { repeat: true });
    return await checked(() => text(answer.state));
  } finally {
    key.wipe();
  }
}
