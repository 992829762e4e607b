/**
 * Walk our own vectors: the table of operations, and what must come out. Runs in Node and, bundled,
 * in Chromium. tests/protocol/operations is the same table for Python.
 */

import { hex } from "../../../escrow/browser/platform/bytes.js";
import { ProtocolError } from "../../../escrow/browser/protocol/errors.js";
import { DOCUMENTS } from "./operations/documents.js";
import { LEDGERS } from "./operations/ledgers.js";
import { PRIMITIVES } from "./operations/primitives.js";
import { raw } from "./operations/registry.js";
import { STATEMENTS } from "./operations/statements.js";

/** @type {Record<string, import("./operations/registry.js").Operation>} */
export const OPERATIONS = { ...PRIMITIVES, ...DOCUMENTS, ...LEDGERS, ...STATEMENTS };

/**
 * The bytes under a signature are no entry point of the library: `sign_…` of the same case covers
 * them, since Ed25519 gives one signature for one message.
 */
export const INSIDE = new Set([
  ...["attestation_message", "call_nonce_message", "complete_message", "proof_message"],
  ...["release_message", "replaced_message", "request_message", "wrap_key"],
]);

/** A private key does not tell its seed here; that its public half is right tells that the seed is. */
const HIDDEN = new Set(["owner_key", "release_key", "attest_key"]);

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} operation
 * @property {Record<string, any>} input
 * @property {Record<string, any>} [output]
 * @property {string} [error]
 * @property {string} [field]
 * @property {Record<string, any>} [details]
 */

/** Write an output as a vector file does. @param {any} value @returns {any} */
export function comparable(value) {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
}

/** Unfold runs of bytes in an expected output. @param {any} value @returns {any} */
function expected(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (Object.keys(value).join() === "runs") return hex(raw(value));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expected(item)]));
}

/** @param {any} value */
function sorted(value) {
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}

/** Run one case; returns what is wrong, or "". @param {Case} testCase */
export async function run(testCase) {
  const operation = OPERATIONS[testCase.operation];
  if (!operation) return `no such operation: ${testCase.operation}`;
  let output;
  try {
    output = (await operation(testCase.input)) ?? {};
  } catch (error) {
    return testCase.error === undefined ? `${error}` : wrongRefusal(testCase, error);
  }
  if (testCase.error !== undefined) return `not refused: ${sorted(comparable(output))}`;
  const wanted = expected(testCase.output);
  if (HIDDEN.has(testCase.operation)) delete wanted.seed;
  const [found, right] = [sorted(comparable(output)), sorted(wanted)];
  return found === right ? "" : `gave ${found}, not ${right}`;
}

/** @param {Case} testCase @param {any} error */
function wrongRefusal(testCase, error) {
  if (!(error instanceof ProtocolError)) return `fell over: ${error?.stack}`;
  if (error.code !== testCase.error) return `code ${error.code}, not ${testCase.error}`;
  const attributes = /** @type {Record<string, any>} */ (/** @type {unknown} */ (error));
  const details = { ...testCase.details };
  if ("field" in testCase) details.field = testCase.field;
  for (const [name, value] of Object.entries(details)) {
    const found = attributes[name === "swapped_with" ? "swappedWith" : name];
    if (JSON.stringify(found) !== JSON.stringify(value)) return `${name} ${found}, not ${value}`;
  }
  return "";
}

/** Walk files; returns a line for each case that is wrong. @param {Record<string, { cases: Case[] }>} files */
export async function walk(files) {
  const failures = [];
  let count = 0;
  for (const [file, { cases }] of Object.entries(files)) {
    for (const testCase of cases) {
      if (INSIDE.has(testCase.operation)) continue;
      count += 1;
      const wrong = await run(testCase);
      if (wrong) failures.push(`${file}: ${testCase.name}: ${wrong}`);
    }
  }
  return { count, failures };
}
