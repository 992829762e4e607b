/**
 * Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).
 *
 * A note is text ending in a newline, an empty line, and signature lines
 * `— <name> <base64(key id (4) ‖ signature)>`. A checkpoint's text is
 * `<origin>\n<size>\n<base64 root>\n`. A verifier key is
 * `<name>+<8 hex digits of the key id>+<base64(0x01 ‖ public key)>`, the key id being the first four
 * bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key).
 */

import { decodeBase64, encodeBase64 } from "../platform/base64.js";
import { concat, equal, hex, utf8 } from "../platform/bytes.js";
import { hasLoneSurrogate, hasWhiteSpace, lengthOf } from "../platform/text.js";
import { digits, sha256 } from "./encoding.js";
import { ProtocolError } from "./errors.js";
import * as keys from "./keys.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

export const ED25519_ALGORITHM = Uint8Array.of(1);
export const KEY_ID_LENGTH_BYTES = 4;
export const MAX_LENGTH_BYTES = 16384;
export const MAX_NOTE_CHARACTERS = 1_000_000;
export const MAX_SIGNATURES = 100;
export const LEDGER_KEY_DIGITS = 8;
const SIGNATURE_START = "\u2014 ";
const VERIFIER = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;
// eslint-disable-next-line no-control-regex -- a note may hold no control character but newline
const NOT_TEXT = /[\0-\x09\x0b-\x1f]/;
const SIZE = /^(0|[1-9][0-9]{0,15})$/;

/** Read canonical standard base64; throws ProtocolError("malformed_note"). @param {string} text */
export function base64Decode(text) {
  const data = decodeBase64(text, false);
  if (data === undefined) throw malformed();
  return data;
}

function malformed() {
  return new ProtocolError("This is not a signed note.", { code: "malformed_note" });
}

/** @param {string} name @param {Uint8Array} publicKey */
function keyIdOf(name, publicKey) {
  const data = concat(utf8(`${name}\n`), ED25519_ALGORITHM, publicKey);
  return sha256(data).slice(0, KEY_ID_LENGTH_BYTES);
}

/** Tell whether a key name is allowed: not empty, no white space, no plus sign. @param {string} name */
export function isKeyName(name) {
  return name !== "" && !name.includes("+") && !hasWhiteSpace(name);
}

/** A public key that checks notes: its name and 32 bytes of Ed25519. */
export class Verifier {
  /** @param {{ name: string, publicKey: Uint8Array }} fields */
  constructor({ name, publicKey }) {
    this.name = name;
    this.publicKey = publicKey;
    Object.freeze(this);
  }

  /** Read a verifier key; throws ProtocolError("malformed_vkey"). @param {string} vkey */
  static parse(vkey) {
    const [, name, keyId, encoded] = VERIFIER.exec(vkey) ?? [];
    const data = decodeBase64(encoded ?? "", false) ?? new Uint8Array(0);
    const verifier = new Verifier({ name: name ?? "", publicKey: data.slice(1) });
    const isKey = data.length === 33 && data[0] === ED25519_ALGORITHM[0];
    if (!isKey || !isKeyName(verifier.name) || hex(verifier.keyId) !== keyId) {
      throw new ProtocolError("This is not a verifier key.", { code: "malformed_vkey" });
    }
    return verifier;
  }

  /** The four bytes that name the key in a signature line. */
  get keyId() {
    return keyIdOf(this.name, this.publicKey);
  }

  /** The verifier key as text. */
  get vkey() {
    const encoded = encodeBase64(concat(ED25519_ALGORITHM, this.publicKey), false);
    return `${this.name}+${hex(this.keyId)}+${encoded}`;
  }

  /** Return 8 digits of the key, for paper. */
  keyDigits() {
    return digits(sha256(utf8(this.vkey)), LEDGER_KEY_DIGITS);
  }
}

/** A private key that signs notes under a name. */
export class Signer {
  #key;

  /** @param {{ name: string, key: Ed25519PrivateKey }} fields */
  constructor({ name, key }) {
    this.name = name;
    this.#key = key;
    Object.freeze(this);
  }

  get key() {
    return this.#key;
  }

  /** The public half. */
  get verifier() {
    return new Verifier({ name: this.name, publicKey: keys.publicBytes(this.#key) });
  }

  /** Return the signature line, with its newline, for a note's text. @param {string} text */
  async signatureLine(text) {
    const raw = concat(this.verifier.keyId, await this.#key.sign(utf8(text)));
    return `${SIGNATURE_START}${this.name} ${encodeBase64(raw, false)}\n`;
  }
}

/**
 * Sign a note's text, which must end in a newline; returns the whole note.
 * @param {string} text @param {readonly Signer[]} signers
 */
export async function sign(text, signers) {
  if (!isText(text)) throw malformed();
  const lines = await Promise.all(signers.map((signer) => signer.signatureLine(text)));
  return `${text}\n${lines.join("")}`;
}

/** @param {string} text */
function isText(text) {
  return text.endsWith("\n") && !NOT_TEXT.test(text) && !hasLoneSurrogate(text);
}

/**
 * Split a note into its text and [name, key id ‖ signature] pairs, unverified.
 *
 * Throws ProtocolError("malformed_note").
 * @param {string} signed @returns {[string, [string, Uint8Array][]]}
 */
export function splitNote(signed) {
  if (lengthOf(signed) > MAX_NOTE_CHARACTERS || !isText(signed)) throw malformed();
  const separator = signed.lastIndexOf("\n\n");
  if (separator < 0) throw malformed();
  const lines = signed.slice(separator + 2).split("\n");
  if (lines.pop() || lines.length < 1 || lines.length > MAX_SIGNATURES) throw malformed();
  return [signed.slice(0, separator + 1), lines.map(signatureOf)];
}

/** @param {string} line @returns {[string, Uint8Array]} */
function signatureOf(line) {
  if (!line.startsWith(SIGNATURE_START)) throw malformed();
  const rest = line.slice(SIGNATURE_START.length);
  const space = rest.indexOf(" ");
  const name = space < 0 ? rest : rest.slice(0, space);
  if (!isKeyName(name)) throw malformed();
  const raw = base64Decode(space < 0 ? "" : rest.slice(space + 1));
  if (raw.length < KEY_ID_LENGTH_BYTES + 1) throw malformed();
  return [name, raw];
}

/**
 * Check a note by known keys; returns its text.
 *
 * Signatures by unknown keys are ignored, one known key's wrong signature refuses the whole note, and
 * at least one must hold. Throws ProtocolError (malformed_note, unverified_note) or BadSignature.
 * @param {string} signed @param {readonly Verifier[]} verifiers
 */
export async function verify(signed, verifiers) {
  const [text, signatures] = splitNote(signed);
  const held = new Set();
  for (const [name, raw] of signatures) {
    const id = raw.slice(0, KEY_ID_LENGTH_BYTES);
    const verifier = verifiers.findLast((known) => known.name === name && equal(known.keyId, id));
    if (verifier === undefined || held.has(verifier)) continue;
    await keys.verify(verifier.publicKey, raw.slice(KEY_ID_LENGTH_BYTES), utf8(text));
    held.add(verifier);
  }
  if (!held.size) {
    throw new ProtocolError("No known key has signed this note.", { code: "unverified_note" });
  }
  return text;
}

/** A ledger's state: origin, number of entries, root hash (32 bytes). */
export class Checkpoint {
  /** @param {{ origin: string, size: number, root: Uint8Array }} fields */
  constructor({ origin, size, root }) {
    this.origin = origin;
    this.size = size;
    this.root = root;
    Object.freeze(this);
  }

  /** The note's text, which is what gets signed and hashed. */
  get text() {
    return `${this.origin}\n${this.size}\n${encodeBase64(this.root, false)}\n`;
  }

  /** SHA-256 of the text without signatures: what attestations name. */
  get hash() {
    return sha256(utf8(this.text));
  }

  /** Read a checkpoint's text, extension lines refused; ProtocolError("malformed_note"). @param {string} text */
  static parse(text) {
    const lines = text.split("\n");
    const [origin, size, encoded, end] = lines;
    if (lines.length !== 4 || end || !origin || !SIZE.test(size)) throw malformed();
    const root = base64Decode(encoded);
    if (root.length !== 32 || !Number.isSafeInteger(Number(size))) throw malformed();
    return new Checkpoint({ origin, size: Number(size), root });
  }

  /**
   * Read a signed checkpoint of the ledger whose key this is.
   *
   * Throws ProtocolError (malformed_note, unverified_note, wrong_origin) or BadSignature.
   * @param {string} signed @param {Verifier} verifier
   */
  static async verify(signed, verifier) {
    const checkpoint = Checkpoint.parse(await verify(signed, [verifier]));
    if (checkpoint.origin !== verifier.name) {
      throw new ProtocolError("The checkpoint is of another ledger.", { code: "wrong_origin" });
    }
    return checkpoint;
  }
}
