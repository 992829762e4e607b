/**
 * Shares from elsewhere: those of the PyPI package `secretsharing`, to bring an old secret in.
 *
 * A share is `<index>-<hex>`, both hexadecimal: a point (x, y) of a polynomial modulo a prime, whose
 * value at 0 is the secret as a number. The prime does not stand in a share: the package takes the
 * smallest of its list that is not below any y given, so a set whose values are all small can be
 * misread by the package itself; nothing in the shares tells. Leading zeros of the secret are lost in
 * them too. The caller shows the result for the owner to judge. Source: PROTOCOL.md section 15.
 *
 * Numbers of this size are BigInt, which cannot be overwritten: such a secret comes from a format
 * that gives no better, and is enrolled anew.
 */

import { strip } from "../platform/text.js";
import { ProtocolError } from "./errors.js";

export const MAX_SHARES = 64;
const SHARE = /^([0-9a-f]{1,8})-([0-9a-f]{1,400})$/;
const MERSENNE_EXPONENTS = [2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607, 1279];
const PRIMES = [
  ...MERSENNE_EXPONENTS.map((exponent) => 2n ** BigInt(exponent) - 1n),
  ...[2n ** 256n + 297n, 2n ** 320n + 27n, 2n ** 384n + 231n],
].sort((a, b) => (a < b ? -1 : 1));
const PRINTABLE =
  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" +
  "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\x0b\x0c";

/**
 * Combine shares into the secret's number; as many as the threshold that was chosen then.
 *
 * Throws ProtocolError("wrong_shares"), which names the share at fault.
 * @param {readonly string[]} shares
 */
export function combine(shares) {
  if (shares.length < 2 || shares.length > MAX_SHARES) throw wrong("At least two shares are needed.");
  /** @type {Map<bigint, bigint>} */
  const points = new Map();
  for (const [i, share] of shares.entries()) {
    const match = SHARE.exec(strip(share).toLowerCase());
    const x = match ? BigInt(`0x${match[1]}`) : 0n;
    if (!match || x === 0n) throw wrong(`Share ${i + 1} does not have the form index-hex.`);
    if (points.has(x)) throw wrong(`Share ${i + 1} has the same index as an earlier one.`);
    points.set(x, BigInt(`0x${match[2]}`));
  }
  const prime = PRIMES.find((each) => [...points.values()].every((y) => y <= each));
  if (prime === undefined) throw wrong("One of the shares is too long.");
  return valueAtZero(points, prime);
}

/** @param {Map<bigint, bigint>} points @param {bigint} prime */
function valueAtZero(points, prime) {
  let total = 0n;
  for (const [xi, yi] of points) {
    let numerator = 1n;
    let denominator = 1n;
    for (const xj of points.keys()) {
      if (xj === xi) continue;
      numerator = modulo(numerator * -xj, prime);
      denominator = modulo(denominator * (xi - xj), prime);
    }
    if (denominator === 0n) throw wrong("The shares do not fit together.");
    total += yi * numerator * power(denominator, prime - 2n, prime);
  }
  return modulo(total, prime);
}

/** @param {bigint} number @param {bigint} prime */
function modulo(number, prime) {
  return ((number % prime) + prime) % prime;
}

/** @param {bigint} base @param {bigint} exponent @param {bigint} prime */
function power(base, exponent, prime) {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % prime;
    square = (square * square) % prime;
  }
  return result;
}

/** Write a secret that was split as hexadecimal digits. @param {bigint} secret */
export function asHex(secret) {
  return secret.toString(16);
}

/** Write a secret that was split as printable text (100 characters, as in Python's `string`). @param {bigint} secret */
export function asText(secret) {
  const characters = [];
  for (let rest = secret; rest; rest /= 100n) characters.push(PRINTABLE[Number(rest % 100n)]);
  return characters.reverse().join("") || PRINTABLE[0];
}

/** @param {string} message */
function wrong(message) {
  return new ProtocolError(message, { code: "wrong_shares" });
}
