/**
 * age v1 files (c2sp.org/age) to X25519, by the library `age-encryption`.
 *
 * The identity is handed over as a WebCrypto key, so that it never becomes a string. A browser
 * without X25519 (Chromium before 133, Firefox before 130, Safari before 17) gets the library's own
 * curve, which takes the identity as text only: that text is not kept. Encrypting leaves one copy of
 * the plaintext in a buffer of the library's, out of reach, until memory is collected.
 */

import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";

import { concat, source, unhex, wipe } from "./bytes.js";

// RFC 8410: a private key is 16 fixed bytes and the 32 of the key.
const PKCS8_PREFIX = unhex("302e020100300506032b656e04220420");

/** Why a file did not open: `wrong_key`, or `damaged` for whatever is no intact age file. */
export class AgeError extends Error {
  /** @param {"wrong_key" | "damaged"} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** @param {Uint8Array} identity @param {(identity: Uint8Array) => string} write */
async function keyOf(identity, write) {
  const pkcs8 = concat(PKCS8_PREFIX, identity);
  try {
    const algorithm = { name: "X25519" };
    return await crypto.subtle.importKey("pkcs8", source(pkcs8), algorithm, false, ["deriveBits"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return write(identity);
    throw error;
  } finally {
    wipe(pkcs8);
  }
}

/**
 * Encrypt to the recipient of an identity of 32 bytes. `write` writes the identity as age does.
 * @param {Uint8Array} plaintext @param {Uint8Array} identity
 * @param {(identity: Uint8Array) => string} write
 */
export async function encrypt(plaintext, identity, write) {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(await keyOf(identity, write)));
  return encrypter.encrypt(plaintext);
}

/**
 * Decrypt with an identity of 32 bytes; throws AgeError.
 * @param {Uint8Array} file @param {Uint8Array} identity
 * @param {(identity: Uint8Array) => string} write
 */
export async function decrypt(file, identity, write) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(await keyOf(identity, write));
  try {
    return await takeAll(await decrypter.decrypt(new Blob([source(file)]).stream()));
  } catch (error) {
    throw new AgeError(/no identity matched/.test(String(error)) ? "wrong_key" : "damaged");
  }
}

/** Join what a stream gives and overwrite its pieces. @param {ReadableStream<Uint8Array>} stream */
async function takeAll(stream) {
  const pieces = [];
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      pieces.push(next.value);
    }
    return concat(...pieces);
  } finally {
    wipe(...pieces);
  }
}
