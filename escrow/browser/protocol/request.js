/**
 * Signed messages of those who have no account, and approvals of those who have power.
 *
 *     request   PAE("escrow/v1/request", custody, method, path, SHA-256(body), time), by a release key
 *     approval  PAE("escrow/v1/approval", operation, target, body_sha256, expires), by an admin's
 *               passkey or an operator's Ed25519 key
 *
 * `method` is upper-case, `path` starts with /api/v1 and carries no query. Source: PROTOCOL.md
 * section 13.
 */

import { pae, paeHash, rawId, sha256 } from "./encoding.js";
import * as keys from "./keys.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

/** One HTTP request of a contact. `time` is in Unix seconds, at most five minutes off. */
export class Request {
  /**
   * @param {{
   *   custody: string,
   *   method: string,
   *   path: string,
   *   body: Uint8Array,
   *   time: number,
   * }} fields
   */
  constructor({ custody, method, path, body, time }) {
    this.custody = custody;
    this.method = method;
    this.path = path;
    this.body = body;
    this.time = time;
    Object.freeze(this);
  }
}

/** @param {Request} request */
function messageOf({ custody, method, path, body, time }) {
  return message(custody, method, path, sha256(body), time);
}

/**
 * Return the bytes that are signed, for who has the body's SHA-256 only.
 * @param {string} custody @param {string} method @param {string} path @param {Uint8Array} bodySha256
 * @param {number} time
 */
export function message(custody, method, path, bodySha256, time) {
  return pae("escrow/v1/request", rawId(custody), method, path, bodySha256, time);
}

/** Sign a request with the custody's release key; returns 64 bytes. @param {Request} request @param {Ed25519PrivateKey} key */
export async function sign(request, key) {
  return key.sign(messageOf(request));
}

/**
 * Check a request by the 32-byte public release key; throws BadSignature.
 * @param {Request} request @param {Uint8Array} signature @param {Uint8Array} releaseKey
 */
export async function verify(request, signature, releaseKey) {
  await keys.verify(releaseKey, signature, messageOf(request));
}

/** What is approved: an operation on a target, with the SHA-256 of its exact content. */
export class Approval {
  /** @param {{ operation: string, target: string, bodySha256: Uint8Array, expires: number }} fields */
  constructor({ operation, target, bodySha256, expires }) {
    this.operation = operation;
    this.target = target;
    this.bodySha256 = bodySha256;
    this.expires = expires;
    Object.freeze(this);
  }

  /** Return the bytes that are signed. */
  message() {
    const { operation, target, bodySha256, expires } = this;
    return pae("escrow/v1/approval", operation, target, bodySha256, expires);
  }

  /** Return what a passkey is asked to sign: 32 bytes, the SHA-256 of the message. */
  challenge() {
    return sha256(this.message());
  }
}

/**
 * Return what a passkey signs for a challenge of the server: 32 bytes. Under a label of its own, so
 * that no server can have an approval signed as a mere sign-in.
 * @param {Uint8Array} asked
 */
export function signInChallenge(asked) {
  return paeHash("escrow/v1/admin/sign-in", asked);
}

/** Sign an approval with an operator's key; returns 64 bytes. @param {Approval} approval @param {Ed25519PrivateKey} key */
export async function signApproval(approval, key) {
  return key.sign(approval.message());
}

/**
 * Check an operator's approval; throws BadSignature.
 * @param {Approval} approval @param {Uint8Array} signature @param {Uint8Array} operatorKey
 */
export async function verifyApproval(approval, signature, operatorKey) {
  await keys.verify(operatorKey, signature, approval.message());
}
