/**
 * Encodings: PAE, one JSON serialisation, base64url, digits for people.
 *
 * `PAE(label, f1 … fn) = u16(len label) ‖ label ‖ u16(n) ‖ Σ (u32(len fi) ‖ fi)`, big-endian. Every
 * hash, MAC, key derivation and signature of the protocol has a PAE with a label of its own as
 * input, so that nothing made for one purpose is valid for another.
 *
 * JSON documents have exactly one serialisation: fields in the order of the specification, no white
 * space, strings as `JSON.stringify` writes them, integers 0 … 2^53−1, canonical base64url,
 * lower-case hex. A parser reads, checks, writes again and refuses unless the bytes are equal;
 * duplicate keys, `1.0`, NaN and unknown fields are therefore all one error.
 * Source: PROTOCOL.md section 2.
 */

import { sha256 as digest } from "@noble/hashes/sha2.js";

import { decodeBase64, encodeBase64 } from "../platform/base64.js";
import { bigEndian, bigInteger, concat, decodeUtf8, equal, unhex, utf8 } from "../platform/bytes.js";
import { hasLoneSurrogate, lengthOf } from "../platform/text.js";
import { Malformed } from "./errors.js";

export const ID_LENGTH_BYTES = 16;
export const HASH_LENGTH_BYTES = 32;
export const SIGNATURE_LENGTH_BYTES = 64;
export const MAX_INTEGER = 2 ** 53 - 1;
export const MAX_DEPTH = 6;

const ID_FORM = /^[0-9a-f]{32}$/;
const BASE64URL = /^[A-Za-z0-9_-]*$/;
// A string that begins is always taken to its end, or to the end of the text: were an unclosed one
// given up, the search would begin again inside it and take quadratic time.
const TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|[[\]{}:]|-?\d[\d.eE+-]*/g;

/** @typedef {Uint8Array | number | string | null} Field */

/**
 * Encode `label` and `fields` so that no two different inputs give the same bytes.
 *
 * Bytes go raw, integers as 8 bytes big-endian, text as UTF-8, null as empty.
 * @param {string} label @param {...Field} fields
 */
export function pae(label, ...fields) {
  const name = utf8(label);
  const parts = [bigEndian(name.length, 2), name, bigEndian(fields.length, 2)];
  for (const field of fields) {
    const raw = fieldBytes(field);
    parts.push(bigEndian(raw.length, 4), raw);
  }
  return concat(...parts);
}

/** @param {Field} field @returns {Uint8Array} */
function fieldBytes(field) {
  if (field === null) return new Uint8Array(0);
  if (typeof field === "string") return utf8(field);
  if (typeof field !== "number") return field;
  if (!Number.isSafeInteger(field) || field < 0) throw new RangeError("no integer of a PAE");
  return bigEndian(field, 8);
}

/** Return the SHA-256 (32 bytes) of the PAE. @param {string} label @param {...Field} fields */
export function paeHash(label, ...fields) {
  return digest(pae(label, ...fields));
}

/** Return the SHA-256 (32 bytes) of one opaque byte string. @param {Uint8Array} data */
export function sha256(data) {
  return digest(data);
}

/** Tell whether `text` is an identifier: 32 lower-case hex characters. @param {unknown} text */
export function isIdentifier(text) {
  return typeof text === "string" && ID_FORM.test(text);
}

/**
 * Return the 16 raw bytes of an identifier, or nothing for an absent one.
 *
 * Throws Malformed("identifier") for anything else.
 * @param {string | null} identifier
 */
export function rawId(identifier) {
  if (identifier === null) return new Uint8Array(0);
  if (!isIdentifier(identifier)) {
    throw new Malformed("identifier", "", "32 lower-case hex characters are needed");
  }
  return unhex(identifier);
}

/** Write bytes as base64url without padding (RFC 4648 section 5). @param {Uint8Array} data */
export function b64url(data) {
  return encodeBase64(data, true);
}

/** Read canonical base64url without padding; throws Malformed("base64url") otherwise. @param {string} text */
export function b64urlDecode(text) {
  if (!BASE64URL.test(text)) {
    throw new Malformed("base64url", "", "a character outside the alphabet");
  }
  if (text.length % 4 === 1) throw new Malformed("base64url", "", "a wrong length");
  const data = decodeBase64(text, true);
  if (data === undefined) throw new Malformed("base64url", "", "not in canonical form");
  return data;
}

/**
 * Return `count` decimal digits of a hash: its first 16 bytes, big-endian, modulo 10^count.
 * @param {Uint8Array} hash @param {number} count
 */
export function digits(hash, count) {
  return String(bigInteger(hash.slice(0, 16)) % 10n ** BigInt(count)).padStart(count, "0");
}

/** Write digits in groups of four, as people read them aloud. @param {string} number */
export function grouped(number) {
  return (number.match(/[^]{1,4}/gu) ?? []).join(" ");
}

/**
 * Parse JSON strictly: size and depth first, no duplicate keys, NaN or huge numbers.
 *
 * White space and any order of fields are allowed here: documents of the protocol are compared with
 * their one serialisation afterwards; bodies of the API are not. Throws Malformed(what).
 * @param {Uint8Array} data @param {string} what @param {number} maxBytes @param {number} [maxDepth]
 * @returns {any}
 */
export function loadJson(data, what, maxBytes, maxDepth = MAX_DEPTH) {
  if (data.length > maxBytes) throw new Malformed(what, "", `over ${maxBytes} bytes`);
  try {
    const text = decodeUtf8(data);
    scan(text, what, maxDepth);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed(what, "", "not JSON in UTF-8");
  }
}

/**
 * Refuse what JSON.parse would accept: depth, a field twice, a number that is no integer.
 * @param {string} text @param {string} what @param {number} maxDepth
 */
function scan(text, what, maxDepth) {
  /** @type {Set<string>[]} */
  const open = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(new Set());
      if (open.length > maxDepth) throw new Malformed(what, "", `nested deeper than ${maxDepth}`);
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ":") {
      const key = JSON.parse(last);
      if (open.at(-1)?.has(key)) throw new Malformed(what, "", "a field stands there twice");
      open.at(-1)?.add(key);
    } else if (token.startsWith('"')) {
      last = token;
    } else {
      checkNumber(token, what);
    }
  }
}

/** @param {string} token @param {string} what */
function checkNumber(token, what) {
  if (/[.eE]/.test(token)) throw new Malformed(what, "", "a number that is not an integer");
  if (token.length > String(MAX_INTEGER).length || token === "-0") {
    throw new Malformed(what, "", "a number out of range");
  }
}

/** Write a JSON value in the one serialisation (the caller orders the fields). @param {unknown} value */
export function dumpJson(value) {
  return utf8(JSON.stringify(value));
}

class Unfit extends Error {}

/** How one JSON value is checked, read and written. */
export class Codec {
  /** @param {(value: any) => any} load @param {(value: any) => any} dump @param {string} meaning */
  constructor(load, dump, meaning) {
    this.load = load;
    this.dump = dump;
    this.meaning = meaning;
  }

  /**
   * Turn a JSON value into a JavaScript one; throws Malformed(what, field).
   * @param {any} value @param {string} what @param {string} field @returns {any}
   */
  read(value, what, field) {
    try {
      return this.load(value);
    } catch (error) {
      if (error instanceof Malformed) throw new Malformed(what, field, error.reason);
      if (error instanceof Unfit) throw new Malformed(what, field, `${this.meaning} is needed`);
      throw error;
    }
  }

  /** Turn a JavaScript value into a JSON one. @param {any} value @returns {any} */
  write(value) {
    return this.dump(value);
  }
}

/** @param {boolean} condition */
function require(condition) {
  if (!condition) throw new Unfit();
}

/** @template T @param {T} value */
const same = (value) => value;

/** Make a codec for an integer 0 … maximum. @param {number} [maximum] */
export function integer(maximum = MAX_INTEGER) {
  /** @param {unknown} value */
  const load = (value) => {
    require(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= maximum);
    return value;
  };
  return new Codec(load, same, `an integer from 0 to ${maximum}`);
}

/** Make a codec for text of `minimum` … `maximum` code points. @param {number} maximum @param {number} [minimum] */
export function text(maximum, minimum = 0) {
  /** @param {unknown} value */
  const load = (value) => {
    require(typeof value === "string" && !hasLoneSurrogate(value));
    const length = lengthOf(String(value));
    require(minimum <= length && length <= maximum);
    return value;
  };
  return new Codec(load, same, `text of ${minimum} to ${maximum} characters`);
}

/** Make a codec for bytes as base64url, `minimum` … `maximum` of them. @param {number} maximum @param {number} [minimum] */
export function binary(maximum, minimum = 0) {
  /** @param {unknown} value */
  const load = (value) => {
    require(typeof value === "string" && value.length <= Math.floor((maximum * 4 + 2) / 3));
    const data = b64urlDecode(String(value));
    require(minimum <= data.length && data.length <= maximum);
    return data;
  };
  const size = minimum === maximum ? `${maximum}` : `${minimum} to ${maximum}`;
  return new Codec(load, b64url, `base64url of ${size} bytes`);
}

/** Make a codec for exactly `length` bytes as base64url. @param {number} length */
export function exactly(length) {
  return binary(length, length);
}

/** Make a codec for one of some fixed words. @param {...string} allowed */
export function choice(...allowed) {
  /** @param {unknown} value */
  const load = (value) => {
    require(typeof value === "string" && allowed.includes(value));
    return value;
  };
  return new Codec(load, same, `one of ${allowed.join(", ")}`);
}

/** Make a codec for a value or null. @param {Codec} inner */
export function nullable(inner) {
  return new Codec(
    (value) => (value === null ? null : inner.load(value)),
    (value) => (value === null ? null : inner.dump(value)),
    `null or ${inner.meaning}`,
  );
}

/** @param {(value: unknown) => boolean} test @param {string} meaning */
function plain(test, meaning) {
  return new Codec((value) => (require(test(value)), value), same, meaning);
}

export const ID = plain(isIdentifier, "32 lower-case hex characters");
export const HASH = exactly(HASH_LENGTH_BYTES);
export const KEY = exactly(HASH_LENGTH_BYTES);
export const SIGNATURE = exactly(SIGNATURE_LENGTH_BYTES);
export const INTEGER = integer();
export const BOOLEAN = plain((value) => typeof value === "boolean", "true or false");

/** The fields of one JSON object, in order, with the codec of each. */
export class Shape {
  /** @param {Record<string, Codec | Shape | ListOf>} [fields] */
  constructor(fields = {}) {
    this.fields = fields;
  }

  /**
   * Check an object and read its fields; throws Malformed(what, field).
   * @param {any} value @param {string} what @param {string} [field] @returns {Record<string, any>}
   */
  read(value, what, field = "") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new Malformed(what, field, "an object is needed");
    }
    const prefix = field ? `${field}.` : "";
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(this.fields, name)) {
        throw new Malformed(what, printable(prefix + name), "no such field");
      }
    }
    /** @type {Record<string, any>} */
    const found = {};
    for (const [name, codec] of Object.entries(this.fields)) {
      if (!Object.hasOwn(value, name)) {
        throw new Malformed(what, prefix + name, "the field is missing");
      }
      found[name] = codec.read(value[name], what, prefix + name);
    }
    return found;
  }

  /** Return the JSON object of `value`, fields in order. @param {any} value @returns {Record<string, any>} */
  write(value) {
    /** @type {Record<string, any>} */
    const written = {};
    for (const [name, codec] of Object.entries(this.fields)) written[name] = codec.write(value[name]);
    return written;
  }
}

/** Replace what a log should not be shown: lone surrogates, control characters. @param {string} name */
function printable(name) {
  return Array.from(name, (c) => (c !== " " && /[\p{C}\p{Z}]/u.test(c) ? "\ufffd" : c))
    .slice(0, 120)
    .join("");
}

/** A JSON list of one kind of item, at most `maximum` of them. */
export class ListOf {
  /** @param {Codec | Shape} item @param {number} maximum */
  constructor(item, maximum) {
    this.item = item;
    this.maximum = maximum;
  }

  /**
   * Check a list and read its items; throws Malformed(what, field).
   * @param {any} value @param {string} what @param {string} field @returns {any[]}
   */
  read(value, what, field) {
    if (!Array.isArray(value) || value.length > this.maximum) {
      throw new Malformed(what, field, `a list of at most ${this.maximum} is needed`);
    }
    return value.map((item, i) => this.item.read(item, what, `${field}.${i}`));
  }

  /** Return the JSON list of `value`. @param {readonly any[]} value @returns {any[]} */
  write(value) {
    return value.map((item) => this.item.write(item));
  }
}

/**
 * Read a document that must be in the one serialisation; throws Malformed(what).
 * @param {Uint8Array} data @param {Shape} shape @param {string} what @param {number} maxBytes
 */
export function readDocument(data, shape, what, maxBytes) {
  const found = shape.read(loadJson(data, what, maxBytes), what);
  if (!equal(writeDocument(found, shape), data)) {
    throw new Malformed(what, "", "not in the one serialisation");
  }
  return found;
}

/** Write a document in the one serialisation. @param {Record<string, any>} value @param {Shape} shape */
export function writeDocument(value, shape) {
  return dumpJson(shape.write(value));
}
