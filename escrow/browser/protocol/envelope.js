/**
 * The envelope: the secret as an age v1 file (c2sp.org/age) to the X25519 recipient of `R`.
 *
 * The plaintext is the secret, byte for byte, so that `age -d -i identity.txt envelope.age` prints it.
 * The recipient is never published: who does not know it faces a symmetric ciphertext. The manifest
 * binds the envelope by its SHA-256. Source: PROTOCOL.md section 5.
 */

import * as age from "../platform/age.js";
import { utf8 } from "../platform/bytes.js";
import { NotOpened, ProtocolError } from "./errors.js";
import * as keys from "./keys.js";

export const MAX_SECRET_LENGTH_BYTES = 65536;
export const MAX_ENVELOPE_LENGTH_BYTES = 70000;
const MAGIC = utf8("age-encryption.org/v1\n");

/**
 * Encrypt a secret of 1 to 65536 bytes to the 32-byte recovery key.
 *
 * Throws ProtocolError("wrong_secret_length").
 * @param {Uint8Array} secret @param {Uint8Array} recoveryKey
 */
export async function seal(secret, recoveryKey) {
  if (secret.length < 1 || secret.length > MAX_SECRET_LENGTH_BYTES) {
    const message = `A secret has 1 to ${MAX_SECRET_LENGTH_BYTES} bytes.`;
    throw new ProtocolError(message, { code: "wrong_secret_length" });
  }
  return sealTo(secret, recoveryKey);
}

/**
 * Decrypt an envelope with the 32-byte recovery key; returns the secret.
 *
 * Throws NotOpened: wrong_key, or damaged_envelope when it is not an intact age file.
 * @param {Uint8Array} envelope @param {Uint8Array} recoveryKey
 */
export function open(envelope, recoveryKey) {
  return openWith(envelope, recoveryKey);
}

/** Encrypt to the age recipient whose identity is these 32 bytes. @param {Uint8Array} plaintext @param {Uint8Array} identity */
export function sealTo(plaintext, identity) {
  return age.encrypt(plaintext, identity, keys.ageIdentity);
}

/** Decrypt an age file with the identity of these 32 bytes; throws NotOpened. @param {Uint8Array} file @param {Uint8Array} identity */
export async function openWith(file, identity) {
  if (MAGIC.some((byte, i) => file[i] !== byte)) {
    throw new NotOpened("This is not an age file.", { code: "damaged_envelope" });
  }
  try {
    return await age.decrypt(file, identity, keys.ageIdentity);
  } catch (error) {
    if (!(error instanceof age.AgeError)) throw error;
    if (error.reason === "wrong_key") {
      throw new NotOpened("This key does not open the envelope.", { code: "wrong_key" });
    }
    throw new NotOpened("The envelope is damaged.", { code: "damaged_envelope" });
  }
}
