/**
 * Arithmetic in GF(2^8) on whole byte strings, without tables or branches on secret bytes.
 *
 * The field is that of AES (x^8 + x^4 + x^3 + x + 1), as SLIP-0039 uses it. Only x-coordinates, which
 * are public, decide what is computed; share values pass through shifts, masks and exclusive-ors
 * alone. JavaScript's numbers are not promised to be constant-time, so this is best effort, but no
 * memory address and no branch depends on a byte of a share.
 */

import { wipe } from "../platform/bytes.js";

/** Multiply two public field elements (0 … 255). @param {number} a @param {number} b */
export function multiply(a, b) {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) product ^= (a << bit) * ((b >> bit) & 1);
  for (let bit = 14; bit > 7; bit--) product ^= (0x11b << (bit - 8)) * ((product >> bit) & 1);
  return product;
}

/** Invert a public, non-zero field element: a^254 = a^2 · a^4 · … · a^128. @param {number} a */
export function inverse(a) {
  let power = a;
  let result = 1;
  for (let i = 0; i < 7; i++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}

/** Multiply every byte of a secret `value` by one public `factor`. @param {Uint8Array} value @param {number} factor */
export function scale(value, factor) {
  const total = new Uint8Array(value.length);
  for (let i = 0; i < value.length; i++) {
    let doubled = value[i];
    for (let bit = 0; bit < 8; bit++) {
      total[i] ^= doubled & -((factor >> bit) & 1);
      doubled = ((doubled << 1) & 0xff) ^ (0x1b & -(doubled >> 7));
    }
  }
  return total;
}

/** Add two secret byte strings of one length (exclusive or). @param {Uint8Array} a @param {Uint8Array} b */
export function add(a, b) {
  return a.map((byte, i) => byte ^ b[i]);
}

/**
 * Return the Lagrange coefficient at `x` of each public coordinate.
 * @param {readonly number[]} coordinates @param {number} x
 */
export function lagrange(coordinates, x) {
  return coordinates.map((xi) => {
    let numerator = 1;
    let denominator = 1;
    for (const xj of coordinates) {
      if (xj === xi) continue;
      numerator = multiply(numerator, x ^ xj);
      denominator = multiply(denominator, xi ^ xj);
    }
    return multiply(numerator, inverse(denominator));
  });
}

/**
 * Evaluate at `x` the polynomial of lowest degree through `points` (Lagrange).
 *
 * `points` maps public x-coordinates to secret values of one length.
 * @param {ReadonlyMap<number, Uint8Array>} points @param {number} x
 */
export function interpolate(points, x) {
  const coefficients = lagrange([...points.keys()], x);
  const values = [...points.values()];
  const total = new Uint8Array(values[0].length);
  values.forEach((value, i) => {
    const scaled = scale(value, coefficients[i]);
    for (let k = 0; k < total.length; k++) total[k] ^= scaled[k];
    wipe(scaled);
  });
  return total;
}
