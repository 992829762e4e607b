/**
 * Passkey-wrapped copies: a contact's share, and apart from it the check seed, at the provider.
 *
 *     key  = HKDF(PRF output, context, PAE("escrow/v1/key/wrap/<part>", custody, manifest_hash))
 *     blob = 12 random bytes ‖ AES-256-GCM
 *     AAD  = PAE("escrow/v1/wrap/<part>", deposit, custody, manifest_hash, credential_id)
 *
 * with part `share` (over the payload) or `check` (over the check seed). The PRF inputs are the texts
 * `escrow/v1/share` and `escrow/v1/check`. Source: PROTOCOL.md section 7.
 */

import { concat, randomBytes, source, wipe } from "../platform/bytes.js";
import { pae, rawId } from "./encoding.js";
import { NotOpened } from "./errors.js";
import * as keys from "./keys.js";

export const NONCE_LENGTH_BYTES = 12;
export const PRF_OUTPUT_LENGTH_BYTES = 32;
export const MAX_LENGTH_BYTES = 4096;

/** What a wrapped copy is bound to. `part` is "share" or "check". */
export class Binding {
  /**
   * @param {{
   *   part: string,
   *   deposit: string,
   *   custody: string,
   *   manifestHash: Uint8Array,
   *   credentialId: Uint8Array,
   * }} fields
   */
  constructor({ part, deposit, custody, manifestHash, credentialId }) {
    this.part = part;
    this.deposit = deposit;
    this.custody = custody;
    this.manifestHash = manifestHash;
    this.credentialId = credentialId;
    Object.freeze(this);
  }

  /** @param {Uint8Array} prfOutput */
  async #key(prfOutput) {
    const info = pae(`escrow/v1/key/wrap/${this.part}`, rawId(this.custody), this.manifestHash);
    const raw = keys.hkdf(prfOutput, keys.context(this.deposit), info);
    try {
      const uses = /** @type {const} */ (["encrypt", "decrypt"]);
      return await crypto.subtle.importKey("raw", source(raw), "AES-GCM", false, uses);
    } finally {
      wipe(raw);
    }
  }

  /** @param {Uint8Array} nonce */
  #parameters(nonce) {
    const aad = pae(
      `escrow/v1/wrap/${this.part}`,
      rawId(this.deposit),
      rawId(this.custody),
      this.manifestHash,
      this.credentialId,
    );
    return { name: "AES-GCM", iv: source(nonce), additionalData: source(aad) };
  }

  /** Encrypt to the 32-byte PRF output; returns 28 bytes more than the plaintext has. @param {Uint8Array} plaintext @param {Uint8Array} prfOutput */
  async wrap(plaintext, prfOutput) {
    const nonce = randomBytes(NONCE_LENGTH_BYTES);
    const key = await this.#key(prfOutput);
    const made = await crypto.subtle.encrypt(this.#parameters(nonce), key, source(plaintext));
    return concat(nonce, new Uint8Array(made));
  }

  /** Decrypt with the 32-byte PRF output; throws NotOpened for anything that does not fit. @param {Uint8Array} blob @param {Uint8Array} prfOutput */
  async unwrap(blob, prfOutput) {
    const nonce = blob.subarray(0, NONCE_LENGTH_BYTES);
    const ciphertext = blob.subarray(NONCE_LENGTH_BYTES);
    try {
      const key = await this.#key(prfOutput);
      const found = crypto.subtle.decrypt(this.#parameters(nonce), key, source(ciphertext));
      return new Uint8Array(await found);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new NotOpened("The passkey does not open this copy.");
    }
  }
}
