/**
 * Fields of the service's answers, taken only if they are what they must be. An answer may have more
 * fields than we know; one that lacks what is needed is Malformed("answer").
 */

import { b64urlDecode, isIdentifier } from "../protocol/encoding.js";
import { Malformed } from "../protocol/errors.js";

/** @typedef {Record<string, any>} Document */

/** @param {string} needed */
function malformed(needed) {
  return new Malformed("answer", "", `${needed} is needed`);
}

/** Take bytes that stand as base64url. @param {unknown} value */
export function bytes(value) {
  if (typeof value !== "string") throw malformed("base64url");
  return b64urlDecode(value);
}

/** Take an integer of at least 0. @param {unknown} value @returns {number} */
export function integer(value) {
  if (!Number.isSafeInteger(value) || Number(value) < 0) throw malformed("an integer");
  return Number(value);
}

/** @param {unknown} value @returns {string} */
export function text(value) {
  if (typeof value !== "string") throw malformed("text");
  return value;
}

/** @param {unknown} value @returns {string} */
export function identifier(value) {
  if (!isIdentifier(value)) throw malformed("an identifier");
  return String(value);
}

/** Take a list of objects. @param {unknown} value @returns {Document[]} */
export function list(value) {
  if (!Array.isArray(value)) throw malformed("a list");
  return value.map(object);
}

/** @param {unknown} value @returns {Document} */
export function object(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("an object");
  }
  return value;
}
