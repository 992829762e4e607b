/** Bytes as the vector files write them, and keys from seeds. */

import { concat, unhex } from "../../../../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey } from "../../../../escrow/browser/platform/ed25519.js";

/** @typedef {Record<string, any>} Input */
/** @typedef {Record<string, any> | void} Output */
/** @typedef {(given: Input) => Output | Promise<Output>} Operation */

/** @param {any} value */
export function raw(value) {
  if (typeof value === "string") return unhex(value);
  /** @type {[string, number][]} */
  const runs = value.runs;
  return concat(...runs.map(([part, times]) => unhex(part.repeat(times))));
}

/** @param {any} seed */
export function privateKey(seed) {
  return Ed25519PrivateKey.fromPrivateBytes(raw(seed));
}
