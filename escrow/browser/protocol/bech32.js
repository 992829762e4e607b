/** Bech32 (BIP-0173) for age identities: no length limit, as age writes it. */

import { ProtocolError } from "./errors.js";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM_LENGTH = 6;

/** Write bytes as lower-case Bech32 under `prefix` (lower-case). @param {string} prefix @param {Uint8Array} data */
export function encode(prefix, data) {
  const values = regroup(data);
  const checksum = polymod([...expand(prefix), ...values, 0, 0, 0, 0, 0, 0]) ^ 1;
  for (let i = 0; i < CHECKSUM_LENGTH; i++) values.push((checksum >>> (5 * (5 - i))) & 31);
  return `${prefix}1${values.map((value) => ALPHABET[value]).join("")}`;
}

/** Read prefix and bytes; throws ProtocolError("wrong_bech32"). @param {string} text @returns {[string, Uint8Array]} */
export function decode(text) {
  if (!/^[\0-\x7f]*$/.test(text)) throw wrong("a character outside the alphabet");
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) throw wrong("mixed case");
  const lower = text.toLowerCase();
  const separator = lower.lastIndexOf("1");
  const prefix = lower.slice(0, Math.max(separator, 0));
  const rest = lower.slice(separator + 1);
  if (separator < 1 || rest.length < CHECKSUM_LENGTH) throw wrong("no separator or checksum");
  const values = Array.from(rest, (c) => ALPHABET.indexOf(c));
  if (!/^[!-~]+$/.test(prefix) || values.includes(-1)) {
    throw wrong("a character outside the alphabet");
  }
  if (polymod([...expand(prefix), ...values]) !== 1) throw wrong("the checksum does not fit");
  return [prefix, regroupBack(values.slice(0, -CHECKSUM_LENGTH))];
}

/** @param {string} reason */
function wrong(reason) {
  return new ProtocolError(`not Bech32: ${reason}`, { code: "wrong_bech32" });
}

/** @param {string} prefix */
function expand(prefix) {
  const codes = Array.from(prefix, (c) => c.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** @param {readonly number[]} values */
function polymod(values) {
  let checksum = 1;
  for (const value of values) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    for (let bit = 0; bit < 5; bit++) checksum ^= GENERATOR[bit] & -((top >> bit) & 1);
  }
  return checksum;
}

/** @param {Uint8Array} data */
function regroup(data) {
  const values = [];
  let bits = 0;
  let held = 0;
  for (const byte of data) {
    bits = ((bits & 31) << 8) | byte;
    for (held += 8; held >= 5; held -= 5) values.push((bits >> (held - 5)) & 31);
  }
  if (held) values.push((bits << (5 - held)) & 31);
  return values;
}

/** @param {readonly number[]} values */
function regroupBack(values) {
  const data = new Uint8Array(Math.floor((values.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const value of values) {
    bits = ((bits & 0xff) << 5) | value;
    held += 5;
    if (held >= 8) data[at++] = bits >> (held -= 8);
  }
  if (held > 4 || bits & ((1 << held) - 1)) throw wrong("wrong padding");
  return data;
}
