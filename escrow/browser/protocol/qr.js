/**
 * What the QR codes on kit, card and screen say.
 *
 *     share       escrow1s: + base64url(payload bytes)
 *     check       escrow1c: + base64url(deposit ‖ custody ‖ check seed)
 *     checkpoint  escrow1l: + base64url(note)
 *     envelope    escrow1e: + base64url(envelope), when the text has at most 1700 characters
 *     invitation  https://host/invite/<custody>#<22 characters>-<16 digits>, in person only
 *
 * Source: PROTOCOL.md section 14.
 */

import { concat, decodeUtf8, hex, unhex, utf8, wipe } from "../platform/bytes.js";
import { hasWhiteSpace, lengthOf, strip } from "../platform/text.js";
import { b64url, b64urlDecode } from "./encoding.js";
import { MAX_ENVELOPE_LENGTH_BYTES } from "./envelope.js";
import { Malformed } from "./errors.js";
import { Password } from "./invitation.js";
import { CHECK_SEED_LENGTH_BYTES } from "./keys.js";
import * as note from "./note.js";
import { Payload } from "./share.js";

export const SHARE_PREFIX = "escrow1s:";
export const CHECK_PREFIX = "escrow1c:";
export const CHECKPOINT_PREFIX = "escrow1l:";
export const ENVELOPE_PREFIX = "escrow1e:";
export const MAX_ENVELOPE_CHARACTERS = 1700;
// http:// is for a trial on one's own machine only: the fragment must not travel in clear.
const INVITATION = new RegExp(
  "^(https://[^/#?]{1,255}|http://(?:localhost|127\\.0\\.0\\.1|\\[::1\\])(?::[0-9]{1,5})?)" +
    "/invite/([0-9a-f]{32})#([A-Za-z0-9_-]{22})(?:-([0-9]{16}))?$",
  "u",
);

/** @param {string} given @param {string} prefix @param {number} maximum */
function decode(given, prefix, maximum) {
  const text = strip(given);
  if (!text.startsWith(prefix) || lengthOf(text) > prefix.length + 2 * maximum) {
    throw new Malformed("qr", "", "another kind of code");
  }
  try {
    return b64urlDecode(text.slice(prefix.length));
  } catch (error) {
    throw error instanceof Malformed ? new Malformed("qr", "", error.reason) : error;
  }
}

/** Write the share's code. It is secret. @param {Payload} payload */
export function shareText(payload) {
  const data = payload.data;
  const text = SHARE_PREFIX + b64url(data);
  wipe(data);
  return text;
}

/** Read the share's code; throws Malformed ("qr" or "share"). @param {string} text */
export function parseShare(text) {
  const data = decode(text, SHARE_PREFIX, 2048);
  try {
    return Payload.parse(data);
  } finally {
    wipe(data);
  }
}

/** The check code: proves that the paper is there, and gives nothing else. */
export class Check {
  #seed;

  /** @param {{ deposit: string, custody: string, seed: Uint8Array }} fields */
  constructor({ deposit, custody, seed }) {
    this.deposit = deposit;
    this.custody = custody;
    this.#seed = seed;
    Object.freeze(this);
  }

  get seed() {
    return this.#seed;
  }

  /** The check code as the QR says it. */
  get text() {
    const data = concat(unhex(this.deposit), unhex(this.custody), this.#seed);
    const text = CHECK_PREFIX + b64url(data);
    wipe(data);
    return text;
  }

  /** Read a check code; throws Malformed("qr"). @param {string} text */
  static parse(text) {
    const data = decode(text, CHECK_PREFIX, 48);
    if (data.length !== 32 + CHECK_SEED_LENGTH_BYTES) {
      throw new Malformed("qr", "", "a wrong length");
    }
    const [deposit, custody] = [hex(data.slice(0, 16)), hex(data.slice(16, 32))];
    const check = new Check({ deposit, custody, seed: data.slice(32) });
    wipe(data);
    return check;
  }

  /** Overwrite the seed. */
  wipe() {
    wipe(this.#seed);
  }
}

/** Write a signed checkpoint's code. @param {string} signed */
export function checkpointText(signed) {
  return CHECKPOINT_PREFIX + b64url(utf8(signed));
}

/** Read a signed checkpoint's code; returns the note, unverified; throws Malformed("qr"). @param {string} text */
export function parseCheckpoint(text) {
  const data = decode(text, CHECKPOINT_PREFIX, note.MAX_LENGTH_BYTES);
  try {
    return decodeUtf8(data);
  } catch {
    throw new Malformed("qr", "", "not text");
  }
}

/** Write the envelope's code, or null when it is too long for one. @param {Uint8Array} envelope */
export function envelopeText(envelope) {
  const text = ENVELOPE_PREFIX + b64url(envelope);
  return text.length <= MAX_ENVELOPE_CHARACTERS ? text : null;
}

/** Read the envelope's code; throws Malformed("qr"). @param {string} text */
export function parseEnvelope(text) {
  return decode(text, ENVELOPE_PREFIX, MAX_ENVELOPE_LENGTH_BYTES);
}

/** An invitation's link, with the digits only when it is shown to someone in the room. */
export class InvitationLink {
  #fragment;
  #digits;

  /** @param {{ host: string, custody: string, fragment: string, digits?: string | null }} fields */
  constructor({ host, custody, fragment, digits = null }) {
    this.host = host;
    this.custody = custody;
    this.#fragment = fragment;
    this.#digits = digits;
    Object.freeze(this);
  }

  get fragment() {
    return this.#fragment;
  }

  get digits() {
    return this.#digits;
  }

  /** The link. `host` starts with https:// (or http:// for a loopback trial). */
  get text() {
    const spoken = this.#digits ? `-${this.#digits}` : "";
    return `${this.host}/invite/${this.custody}#${this.#fragment}${spoken}`;
  }

  /** Read a link; throws Malformed("link"). @param {string} text */
  static parse(text) {
    const match = INVITATION.exec(strip(text));
    if (match === null || hasWhiteSpace(match[1])) {
      throw new Malformed("link", "", "copy the whole link of the invitation");
    }
    const [, host, custody, fragment, digits] = match;
    return new InvitationLink({ host, custody, fragment, digits });
  }

  /**
   * Return the password, with digits heard or those of the link.
   *
   * Throws ProtocolError: wrong_fragment or wrong_digits.
   * @param {string | null} [digits]
   */
  password(digits = null) {
    return Password.parse(this.#fragment, digits || this.#digits || "");
  }
}
