/**
 * The share payload: what a custodian holds, in the one serialisation.
 *
 * Fields: `format` ("escrow/v1/share"), `deposit`, `custody`, `role`, `words` (33, one space between),
 * `manifest_hash`. Source: PROTOCOL.md section 7.
 *
 * The words are kept as the share's bytes and written when they are asked for: bytes can be
 * overwritten, words cannot.
 */

import { equal } from "../platform/bytes.js";
import { attributes } from "../platform/names.js";
import { HASH, ID, Shape, choice, readDocument, text, writeDocument } from "./encoding.js";
import { BadShare, Malformed, Mismatch } from "./errors.js";
import { ROLES } from "./manifest.js";
import * as slip39 from "./slip39.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */

export const MAX_LENGTH_BYTES = 2048;
const SHAPE = new Shape({
  format: choice("escrow/v1/share"),
  deposit: ID,
  custody: ID,
  role: choice(...ROLES),
  words: text(512),
  manifest_hash: HASH,
});

/**
 * @typedef {object} PayloadFields
 * @property {string} deposit
 * @property {string} custody
 * @property {string} role
 * @property {string} words
 * @property {Uint8Array} manifestHash
 */

/** A share with the deposit, custody and manifest it belongs to. Its words never show. */
export class Payload {
  #share;

  /** Throws BadShare for words that are no share. @param {PayloadFields} fields */
  constructor({ deposit, custody, role, words, manifestHash }) {
    this.deposit = deposit;
    this.custody = custody;
    this.role = role;
    this.#share = slip39.Share.parse(words);
    this.manifestHash = manifestHash;
    Object.freeze(this);
  }

  /** Read a payload from its bytes; throws Malformed("share"). @param {Uint8Array} data */
  static parse(data) {
    const { format, ...found } = readDocument(data, SHAPE, "share", MAX_LENGTH_BYTES);
    let payload;
    try {
      payload = new Payload(attributes(found));
    } catch (error) {
      if (!(error instanceof BadShare)) throw error;
      throw new Malformed("share", "words", error.code);
    }
    const share = payload.share();
    if (
      payload.words !== found.words ||
      share.value.length !== slip39.RECOVERY_KEY_LENGTH_BYTES ||
      !share.extendable ||
      share.iterationExponent
    ) {
      payload.wipe();
      throw new Malformed("share", "words", "not a share of this service");
    }
    return payload;
  }

  /** The words, one space between. They are secret. */
  get words() {
    return this.#share.words();
  }

  /** The one serialisation of the payload. It is secret. */
  get data() {
    const { deposit, custody, role, words, manifestHash } = this;
    const value = { format: "escrow/v1/share", deposit, custody, role, words };
    return writeDocument({ ...value, manifest_hash: manifestHash }, SHAPE);
  }

  /** Return the SLIP-39 share, which is overwritten with the payload. */
  share() {
    return this.#share;
  }

  /**
   * Check that payload and manifest belong together, keys recomputed; returns the share.
   *
   * Throws Mismatch: wrong_deposit, wrong_manifest, wrong_custody or wrong_share.
   * @param {Manifest} manifest
   */
  async checkWith(manifest) {
    if (this.deposit !== manifest.deposit) {
      throw new Mismatch("This share is of another deposit.", { code: "wrong_deposit" });
    }
    if (!equal(this.manifestHash, manifest.hash)) {
      const message = "This share names another description of the deposit.";
      throw new Mismatch(message, { code: "wrong_manifest" });
    }
    if (manifest.custody(this.custody).role !== this.role) {
      throw new Mismatch("This share was made for another custodian.", { code: "wrong_custody" });
    }
    await manifest.checkShare(this.#share, this.custody);
    return this.#share;
  }

  /** Overwrite the share. */
  wipe() {
    this.#share.wipe();
  }
}
