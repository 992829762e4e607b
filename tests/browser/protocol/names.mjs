/** Say what each module of the browser's protocol exports, as JSON: for test_same_names.py. */

import { readFileSync, readdirSync } from "node:fs";

import { camelCase, snakeCase } from "../../../escrow/browser/platform/names.js";

const FOLDER = new URL("../../../escrow/browser/protocol/", import.meta.url);

/** @param {any} value */
function constant(value) {
  const isPlain = ["number", "string", "boolean"].includes(typeof value);
  if (isPlain) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
  if (isList) return value;
  return isNaN(value) && value?.constructor === Object ? Object.keys(value) : null;
}

/** @param {Function} made */
function members(made) {
  const own = Object.getOwnPropertyNames(made.prototype).filter((name) => name !== "constructor");
  const fixed = Object.getOwnPropertyNames(made).filter(
    (name) => !["length", "name", "prototype"].includes(name),
  );
  const set = [...String(made).matchAll(/\bthis\.(\w+) = /g)].map(([, name]) => name);
  return [...new Set([...own, ...fixed, ...set])].sort();
}

/** @type {Record<string, any>} */
const found = {};
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".js"))) {
  const module = await import(new URL(file, FOLDER).href);
  const source = readFileSync(new URL(file, FOLDER), "utf8");
  /** @type {Record<string, any>} */
  const exports = {};
  for (const [name, value] of Object.entries(module)) {
    if (typeof value !== "function") exports[name] = { constant: constant(value) };
    else if (/^class\b/.test(String(value))) exports[name] = { members: members(value) };
    else exports[name] = { parameters: value.length };
  }
  const types = [...source.matchAll(/@typedef \{(?!import\b|object\b).*\} (\w+)/g)];
  found[file.replace(/\.js$/, "")] = { exports, types: types.map(([, name]) => name) };
}
const names = process.argv.slice(2);
const camel = Object.fromEntries(names.map((name) => [name, camelCase(name)]));
const back = Object.fromEntries(names.map((name) => [name, snakeCase(camelCase(name))]));
process.stdout.write(JSON.stringify({ found, camel, back }));
