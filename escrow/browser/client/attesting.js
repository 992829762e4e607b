/**
 * Proving to the service that a piece is there, without showing it (PROTOCOL.md section 9).
 *
 * By the whole piece (means `share`: acceptance, enrolment, drill), or by its check code alone (means
 * `check`), which gives nothing else away.
 */

import { equal } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import * as attestations from "../protocol/attestation.js";
import { b64url, isIdentifier } from "../protocol/encoding.js";
import * as keys from "../protocol/keys.js";
import * as qr from "../protocol/qr.js";
import { text } from "./answers.js";
import { WrongPiece, checked } from "./errors.js";
import { openLedger } from "./ledgerkeys.js";
import { fetchCustody } from "./piece.js";

/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {import("../protocol/share.js").Payload} Payload */

/**
 * Prove with the whole piece; returns the custody's state. A piece that was given up or reported lost
 * comes back by this, within 30 days; later it is ServiceError("wrong_state").
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {Payload} payload
 */
export async function attestShare(client, ledger, manifest, payload) {
  const share = await checked(() => payload.checkWith(manifest), WrongPiece);
  const key = await keys.releaseKey(share.value, payload.deposit, payload.custody);
  return attest(client, ledger, manifest, payload.custody, "share", key);
}

/**
 * Prove with a check seed of 16 bytes; returns the custody's state.
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {string} custody
 * @param {Uint8Array} seed
 */
export async function attestCheck(client, ledger, manifest, custody, seed) {
  const key = await keys.attestKey(seed, manifest.deposit, custody);
  return attest(client, ledger, manifest, custody, "check", key);
}

/**
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {string} custody
 * @param {string} means @param {Ed25519PrivateKey} key which is forgotten
 */
async function attest(client, ledger, manifest, custody, means, key) {
  try {
    const { hash: checkpointHash } = await ledger.newest();
    const { deposit, hash: manifestHash } = manifest;
    const time = client.now();
    const named = { deposit, custody, manifestHash, means, checkpointHash, time };
    const made = new attestations.Attestation(named);
    const signature = await attestations.sign(made, key);
    await checked(() => attestations.verify(made, signature, manifest), WrongPiece);
    const body = { means, checkpoint_hash: b64url(checkpointHash), time, signature: b64url(signature) };
    const answer = await client.post(`custodies/${custody}/attestations`, body, { repeat: true });
    return await checked(() => text(answer.state));
  } finally {
    key.wipe();
  }
}

/** Read a check code from its QR code's text; throws WrongPiece. @param {string} given */
export function checkOfQr(given) {
  return checked(() => qr.Check.parse(given), WrongPiece);
}

/**
 * Prove by a check code alone: 40 digits and the number of the piece, as on the paper.
 *
 * Throws WrongPiece: wrong_check_code, malformed_identifier; and what `checkPiece` throws.
 * @param {Client} client @param {Memory} memory @param {string} typedDigits @param {string} typedCustody
 */
export async function checkByDigits(client, memory, typedDigits, typedCustody) {
  const custody = withoutSpacesAndDashes(typedCustody).toLowerCase();
  if (!isIdentifier(custody)) throw new WrongPiece("malformed_identifier");
  const seed = await checked(() => keys.checkCodeSeed(typedDigits), WrongPiece);
  return checkPiece(client, memory, custody, seed);
}

/**
 * Prove by a check seed, after finding it to be that piece's; the seed is overwritten.
 *
 * Returns the custody's state and the ledger as it was looked at. Throws WrongPiece
 * ("wrong_check_code") before anything is signed, Refused as `fetchCustody` and `openLedger` do.
 * @param {Client} client @param {Memory} memory @param {string} custody @param {Uint8Array} seed
 */
export async function checkPiece(client, memory, custody, seed) {
  try {
    const { manifest } = await fetchCustody(client, custody);
    const key = await keys.attestKey(seed, manifest.deposit, custody);
    const isIts = equal(keys.publicBytes(key), manifest.custody(custody).attestKey);
    key.wipe();
    if (!isIts) throw new WrongPiece("wrong_check_code");
    const { ledger } = await openLedger(client, memory, manifest.ledgerVkey);
    return { state: await attestCheck(client, ledger, manifest, custody, seed), ledger };
  } finally {
    seed.fill(0);
  }
}
