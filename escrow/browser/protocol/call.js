/**
 * The call: twelve digits that tie the contact's release to the customer's own public key.
 *
 * 1. The customer's client draws 32 random bytes `r` and publishes
 *    `c = SHA-256(PAE("escrow/v1/call/commit", deposit, recovery, session, call, custody, public_key,
 *    r))`.
 * 2. The contact's client fixes `c` and sends 32 random bytes `n`, signed with its release key over
 *    `PAE("escrow/v1/call/nonce", call, custody, c, n)`.
 * 3. The customer's client takes one `n` a call, ever, then reveals `public_key` and `r`.
 * 4. The contact's client recomputes `c` and stops if it differs, before it shows the digit field.
 * 5. code = 12 digits of `SHA-256(PAE("escrow/v1/call/code", c, n, public_key, r))`.
 *
 * Security rests on `r` hidden until `n` is fixed, and `n` unknown until `c` is fixed: whoever swaps
 * the key has one guess in 10^12 a call. Source: PROTOCOL.md section 10.
 */

import { equal, utf8 } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import { digits, pae, paeHash, rawId } from "./encoding.js";
import { Mismatch } from "./errors.js";
import * as keys from "./keys.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

export const RANDOM_LENGTH_BYTES = 32;
export const CODE_DIGITS = 12;
export const MAX_TRIES = 3;
export const MAX_CALLS_A_SESSION = 5;

/** One call: what its commitment covers besides key and randomness. */
export class Call {
  /**
   * @param {{
   *   deposit: string,
   *   recovery: string,
   *   session: string,
   *   call: string,
   *   custody: string,
   * }} fields
   */
  constructor({ deposit, recovery, session, call, custody }) {
    this.deposit = deposit;
    this.recovery = recovery;
    this.session = session;
    this.call = call;
    this.custody = custody;
    Object.freeze(this);
  }
}

/**
 * Commit to the recovering client's public key and 32 random bytes; returns 32 bytes.
 * @param {Call} call @param {Uint8Array} publicKey @param {Uint8Array} random
 */
export function commitment(call, publicKey, random) {
  return paeHash(
    "escrow/v1/call/commit",
    rawId(call.deposit),
    rawId(call.recovery),
    rawId(call.session),
    rawId(call.call),
    rawId(call.custody),
    publicKey,
    random,
  );
}

/**
 * Stop a swapped key: what was revealed must open the commitment.
 *
 * Throws Mismatch("wrong_commitment").
 * @param {Call} call @param {Uint8Array} committed @param {Uint8Array} publicKey
 * @param {Uint8Array} random
 */
export function checkReveal(call, committed, publicKey, random) {
  if (!equal(committed, commitment(call, publicKey, random))) {
    const message =
      "What the other side revealed is not what it committed to. Stop, and tell them.";
    throw new Mismatch(message, { code: "wrong_commitment" });
  }
}

/** @param {string} call @param {string} custody @param {Uint8Array} committed @param {Uint8Array} nonce */
function nonceMessage(call, custody, committed, nonce) {
  return pae("escrow/v1/call/nonce", rawId(call), rawId(custody), committed, nonce);
}

/**
 * Sign a contact's 32-byte nonce with its release key; returns 64 bytes.
 * @param {Ed25519PrivateKey} key @param {string} call @param {string} custody
 * @param {Uint8Array} committed @param {Uint8Array} nonce
 */
export async function signNonce(key, call, custody, committed, nonce) {
  return key.sign(nonceMessage(call, custody, committed, nonce));
}

/**
 * Check that the nonce comes from the custody's holder; throws BadSignature.
 * @param {Uint8Array} releaseKey @param {Uint8Array} signature @param {string} call
 * @param {string} custody @param {Uint8Array} committed @param {Uint8Array} nonce
 */
export async function verifyNonce(releaseKey, signature, call, custody, committed, nonce) {
  await keys.verify(releaseKey, signature, nonceMessage(call, custody, committed, nonce));
}

/**
 * Return the 12 digits that the customer reads out and the contact types.
 * @param {Uint8Array} committed @param {Uint8Array} nonce @param {Uint8Array} publicKey
 * @param {Uint8Array} random
 */
export function code(committed, nonce, publicKey, random) {
  return digits(paeHash("escrow/v1/call/code", committed, nonce, publicKey, random), CODE_DIGITS);
}

/** Compare typed digits with the expected ones; spaces and dashes are ignored. @param {string} typed @param {string} expected */
export function sameCode(typed, expected) {
  return equal(utf8(withoutSpacesAndDashes(typed)), utf8(expected));
}
