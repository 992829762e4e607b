/**
 * The invitation: how a contact's share travels, in two halves by two ways.
 *
 * The plaintext is a JSON document: `format` ("escrow/v1/invitation"), `payload`, `name`, `address`,
 * `nonce`, `manifest`, `manifest_signature`. It is an age file to the identity whose 32 bytes are
 *
 *     scrypt(password, salt = PAE("escrow/v1/invitation", custody), N = 2^16, r = 8, p = 1)
 *
 * with password = 22 base64url characters of 16 random bytes, `-`, 16 decimal digits. The characters
 * are the link's fragment, the digits are said on the telephone. The server keeps the SHA-256 of the
 * fetch token, `HKDF(fragment bytes, empty salt, PAE("escrow/v1/invitation/fetch", custody))`.
 * Source: PROTOCOL.md section 7.
 */

import { scryptAsync } from "@noble/hashes/scrypt.js";

import { bigInteger, equal, orWipe, randomBytes, utf8, wipe } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import {
  SIGNATURE,
  Shape,
  b64url,
  b64urlDecode,
  binary,
  choice,
  pae,
  rawId,
  readDocument,
  writeDocument,
} from "./encoding.js";
import * as envelope from "./envelope.js";
import { Malformed, Mismatch, NotOpened, ProtocolError } from "./errors.js";
import * as keys from "./keys.js";
import { CONTACT_FIELDS, Contact, checkPiece } from "./kit.js";
import * as manifests from "./manifest.js";
import { Manifest } from "./manifest.js";
import { MAX_LENGTH_BYTES as MAX_PAYLOAD_LENGTH_BYTES, Payload } from "./share.js";

export const FRAGMENT_LENGTH_BYTES = 16;
export const FRAGMENT_LENGTH_CHARACTERS = 22;
export const DIGITS_COUNT = 16;
export const MAX_LENGTH_BYTES = 32768;
export const MAX_SEALED_LENGTH_BYTES = MAX_LENGTH_BYTES + 512;
const FRAGMENT = /^[A-Za-z0-9_-]{22}$/;
const SHAPE = new Shape({
  format: choice("escrow/v1/invitation"),
  payload: binary(MAX_PAYLOAD_LENGTH_BYTES),
  ...CONTACT_FIELDS,
  manifest: binary(manifests.MAX_LENGTH_BYTES),
  manifest_signature: SIGNATURE,
});

/** The two halves: the link's fragment (22 characters) and the spoken digits (16). */
export class Password {
  #fragment;
  #digits;

  /** @param {{ fragment: string, digits: string }} fields */
  constructor({ fragment, digits }) {
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

  /** Make a fresh password from the random generator. */
  static generate() {
    const bytes = randomBytes(FRAGMENT_LENGTH_BYTES);
    const fragment = b64url(bytes);
    wipe(bytes);
    return new Password({ fragment, digits: String(randomNumber()).padStart(DIGITS_COUNT, "0") });
  }

  /**
   * Check both halves as people hand them over; spaces and dashes in the digits are ignored.
   *
   * Throws ProtocolError: wrong_fragment or wrong_digits.
   * @param {string} fragment @param {string} digits
   */
  static parse(fragment, digits) {
    const plain = withoutSpacesAndDashes(digits);
    if (!/^[0-9]{16}$/.test(plain)) {
      throw new ProtocolError("The invitation has 16 digits.", { code: "wrong_digits" });
    }
    const password = new Password({ fragment, digits: plain });
    wipe(password.fragmentBytes());
    return password;
  }

  /** Return the 16 bytes of the fragment; throws ProtocolError("wrong_fragment"). */
  fragmentBytes() {
    try {
      if (!FRAGMENT.test(this.#fragment)) throw new Malformed("base64url");
      return b64urlDecode(this.#fragment);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      const message = "The invitation's link is not complete.";
      throw new ProtocolError(message, { code: "wrong_fragment" });
    }
  }

  /** Stretch the password to the 32 bytes of the age identity (about a second, 64 MiB). @param {string} custody */
  async identity(custody) {
    const password = utf8(`${this.#fragment}-${this.#digits}`);
    const salt = pae("escrow/v1/invitation", rawId(custody));
    const cost = { N: 2 ** 16, r: 8, p: 1, dkLen: 32, maxmem: 2 ** 27 };
    try {
      return await scryptAsync(password, salt, cost);
    } finally {
      wipe(password);
    }
  }

  /** Derive the 32-byte token that fetches the invitation; it says nothing of the digits. @param {string} custody */
  fetchToken(custody) {
    const bytes = this.fragmentBytes();
    const info = pae("escrow/v1/invitation/fetch", rawId(custody));
    const token = keys.hkdf(bytes, new Uint8Array(0), info);
    wipe(bytes);
    return token;
  }
}

/** Draw a number below 10^16, each as likely as any other. */
function randomNumber() {
  const range = 10n ** BigInt(DIGITS_COUNT);
  const limit = ((1n << 64n) / range) * range;
  for (;;) {
    const number = bigInteger(randomBytes(8));
    if (number < limit) return number % range;
  }
}

/** What the contact receives: the share, who they are in the manifest, and the manifest. */
export class Invitation {
  /**
   * @param {{
   *   payload: Payload,
   *   contact: Contact,
   *   manifest: Manifest,
   *   manifestSignature: Uint8Array,
   * }} fields
   */
  constructor({ payload, contact, manifest, manifestSignature }) {
    this.payload = payload;
    this.contact = contact;
    this.manifest = manifest;
    this.manifestSignature = manifestSignature;
    Object.freeze(this);
  }

  /**
   * Read the plaintext and check that everything in it belongs together.
   *
   * Throws Malformed ("invitation", or of an inner document), Mismatch or BadSignature.
   * @param {Uint8Array} data
   */
  static async parse(data) {
    const found = readDocument(data, SHAPE, "invitation", MAX_LENGTH_BYTES);
    const { name, address, nonce } = found;
    const payload = Payload.parse(found.payload);
    wipe(found.payload);
    return orWipe(payload, async () => {
      const invitation = new Invitation({
        payload,
        contact: new Contact({ name, address, nonce }),
        manifest: Manifest.parse(found.manifest),
        manifestSignature: found.manifest_signature,
      });
      await invitation.check();
      return invitation;
    });
  }

  /** Check the parts against each other; throws Mismatch or BadSignature. */
  async check() {
    await checkPiece(this.payload, this.manifest, this.manifestSignature, "contact");
    const line = this.manifest.custody(this.payload.custody);
    if (!equal(this.contact.commitment(), line.contactCommitment ?? new Uint8Array(0))) {
      const message = "The invitation names another contact than the deposit.";
      throw new Mismatch(message, { code: "wrong_contact" });
    }
  }

  /** The plaintext's bytes. They are secret. */
  get data() {
    const payload = this.payload.data;
    const { name, address, nonce } = this.contact;
    const data = writeDocument(
      {
        format: "escrow/v1/invitation",
        payload,
        name,
        address,
        nonce,
        manifest: this.manifest.data,
        manifest_signature: this.manifestSignature,
      },
      SHAPE,
    );
    wipe(payload);
    return data;
  }

  /** Encrypt to the password; returns an age file. @param {Password} password */
  async seal(password) {
    const [data, identity] = [this.data, await password.identity(this.payload.custody)];
    try {
      return await envelope.sealTo(data, identity);
    } finally {
      wipe(data, identity);
    }
  }

  /** Overwrite the share. */
  wipe() {
    this.payload.wipe();
  }
}

/**
 * Open and check an invitation that was fetched for `custody`.
 *
 * Throws NotOpened (wrong_key for wrong digits, damaged_envelope), Malformed, Mismatch or
 * BadSignature.
 * @param {Uint8Array} sealed @param {Password} password @param {string} custody
 */
export async function open(sealed, password, custody) {
  if (sealed.length > MAX_SEALED_LENGTH_BYTES) {
    throw new NotOpened("The invitation is too large.", { code: "damaged_envelope" });
  }
  const identity = await password.identity(custody);
  /** @type {Uint8Array | undefined} */
  let data;
  try {
    data = await envelope.openWith(sealed, identity);
    const invitation = await Invitation.parse(data);
    if (invitation.payload.custody === custody) return invitation;
    invitation.wipe();
    const message = "This invitation is for another contact.";
    throw new Mismatch(message, { code: "wrong_custody" });
  } finally {
    wipe(identity, data);
  }
}
