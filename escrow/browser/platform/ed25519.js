/**
 * Ed25519 (RFC 8032) by the browser's own WebCrypto, which keeps the private key out of reach of
 * scripts. A browser without it (Chromium before 137, Firefox before 129, Safari before 17) gets
 * @noble/curves, loaded only then; the key's seed then stays in memory until `wipe`.
 */

import { decodeBase64 } from "./base64.js";
import { concat, source, unhex, wipe } from "./bytes.js";

// RFC 8410: a private key is 16 fixed bytes and the 32 of the seed.
const PKCS8_PREFIX = unhex("302e020100300506032b657004220420");
const NAME = "Ed25519";

const load = async () => (await import("@noble/curves/ed25519.js")).ed25519;

/** @param {unknown} error */
function isUnsupported(error) {
  return error instanceof DOMException && error.name === "NotSupportedError";
}

/** @param {Uint8Array} seed */
async function importNative(seed) {
  const pkcs8 = concat(PKCS8_PREFIX, seed);
  try {
    // WebCrypto tells the public half only in a JWK, so of a copy that may be exported.
    const open = await crypto.subtle.importKey("pkcs8", source(pkcs8), NAME, true, ["sign"]);
    const { x } = await crypto.subtle.exportKey("jwk", open);
    const key = await crypto.subtle.importKey("pkcs8", source(pkcs8), NAME, false, ["sign"]);
    return { key, publicKey: decodeBase64(x ?? "", true) ?? new Uint8Array(0) };
  } finally {
    wipe(pkcs8);
  }
}

/** A private key that signs. Its seed never shows. */
export class Ed25519PrivateKey {
  #secret;

  /** @param {CryptoKey | Uint8Array} secret @param {Uint8Array} publicKey 32 bytes */
  constructor(secret, publicKey) {
    this.#secret = secret;
    this.publicKey = publicKey;
  }

  /** Take up the key of a seed of 32 bytes, which is overwritten. @param {Uint8Array} seed */
  static async fromPrivateBytes(seed) {
    try {
      const { key, publicKey } = await importNative(seed);
      return new Ed25519PrivateKey(key, publicKey);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      const ed25519 = await load();
      return new Ed25519PrivateKey(seed.slice(), ed25519.getPublicKey(seed));
    } finally {
      wipe(seed);
    }
  }

  /** Sign; returns 64 bytes. @param {Uint8Array} message */
  async sign(message) {
    if (this.#secret instanceof Uint8Array) return (await load()).sign(message, this.#secret);
    return new Uint8Array(await crypto.subtle.sign(NAME, this.#secret, source(message)));
  }

  /** Forget the key; it signs nothing sensible afterwards. */
  wipe() {
    if (this.#secret instanceof Uint8Array) wipe(this.#secret);
  }
}

/**
 * Tell whether a signature of 64 bytes is that of a public key of 32 bytes over a message.
 * @param {Uint8Array} publicKey @param {Uint8Array} signature @param {Uint8Array} message
 */
export async function isSignature(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    const key = await crypto.subtle.importKey("raw", source(publicKey), NAME, false, ["verify"]);
    return await crypto.subtle.verify(NAME, key, source(signature), source(message));
  } catch (error) {
    if (!isUnsupported(error)) return false; // not a point of the curve
    return (await load()).verify(signature, message, publicKey, { zip215: false });
  }
}
