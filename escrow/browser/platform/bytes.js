/**
 * What Python's `bytes` can do and `Uint8Array` cannot.
 *
 * Secrets are `Uint8Array` and are overwritten by whoever made them, as soon as they are used: a
 * string cannot be overwritten, so none is kept. Nothing here branches on, or looks up by, a byte
 * of a secret.
 */

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param {string} text @returns {Uint8Array} */
export function utf8(text) {
  return ENCODER.encode(text);
}

/** Read UTF-8; throws TypeError for anything else. @param {Uint8Array} bytes */
export function decodeUtf8(bytes) {
  return DECODER.decode(bytes);
}

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Read pairs of hexadecimal digits, which the caller has checked. @param {string} text */
export function unhex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** @param {...Uint8Array} parts */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Compare without telling by time where they differ. @param {Uint8Array} a @param {Uint8Array} b */
export function equal(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length && i < b.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

/** Overwrite secrets that are no longer needed. @param {...(Uint8Array | undefined)} secrets */
export function wipe(...secrets) {
  for (const secret of secrets) secret?.fill(0);
}

/**
 * Give what `make` gives; if it throws, overwrite `secret`, which then nobody holds.
 * @template T @param {{ wipe(): void }} secret @param {() => Promise<T>} make
 */
export async function orWipe(secret, make) {
  try {
    return await make();
  } catch (error) {
    secret.wipe();
    throw error;
  }
}

/** Draw bytes from the browser's generator. @param {number} length */
export function randomBytes(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** Write a number as `length` bytes, big-endian. @param {number} number @param {number} length */
export function bigEndian(number, length) {
  const bytes = new Uint8Array(length);
  let rest = number;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** Read a big-endian number of any length. @param {Uint8Array} bytes */
export function bigInteger(bytes) {
  let number = 0n;
  for (const byte of bytes) number = (number << 8n) | BigInt(byte);
  return number;
}

/** Hand bytes to WebCrypto, whose types exclude shared memory. @param {Uint8Array} bytes */
export function source(bytes) {
  return /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
}
