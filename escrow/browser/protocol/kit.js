/**
 * Kit and card files: the customer's and a contact's piece, with all that recovery needs.
 *
 * Kit file, `….escrow.json`: `format` ("escrow/v1/kit"), `payload`, `manifest`, `manifest_signature`,
 * `envelope`, `host`, `contacts` [{`name`, `address`, `nonce`}]. Card file: "escrow/v1/card",
 * `payload`, `manifest`, `manifest_signature`, `host`, `checkpoint` (a note as text, empty when none
 * was seen). Inner objects are base64url of their bytes. Source: PROTOCOL.md section 14.
 */

import { equal, orWipe, wipe } from "../platform/bytes.js";
import {
  ListOf,
  SIGNATURE,
  Shape,
  binary,
  choice,
  exactly,
  loadJson,
  readDocument,
  text,
  writeDocument,
} from "./encoding.js";
import * as age from "./envelope.js";
import { Malformed, Mismatch } from "./errors.js";
import * as manifests from "./manifest.js";
import { Manifest } from "./manifest.js";
import { MAX_LENGTH_BYTES as MAX_PAYLOAD_LENGTH_BYTES, Payload } from "./share.js";
import { MAX_CONTACTS } from "./slip39.js";

export const MAX_KIT_LENGTH_BYTES = 196608;
export const MAX_CARD_LENGTH_BYTES = 65536;
export const MAX_NAME_LENGTH = 80;
export const MAX_ADDRESS_LENGTH = 254;
export const NONCE_LENGTH_BYTES = 16;

export const CONTACT_FIELDS = Object.freeze({
  name: text(MAX_NAME_LENGTH, 1),
  address: text(MAX_ADDRESS_LENGTH, 3),
  nonce: exactly(NONCE_LENGTH_BYTES),
});
const KIT = new Shape({
  format: choice("escrow/v1/kit"),
  payload: binary(MAX_PAYLOAD_LENGTH_BYTES),
  manifest: binary(manifests.MAX_LENGTH_BYTES),
  manifest_signature: SIGNATURE,
  envelope: binary(age.MAX_ENVELOPE_LENGTH_BYTES),
  host: text(255, 1),
  contacts: new ListOf(new Shape(CONTACT_FIELDS), MAX_CONTACTS),
});
const CARD = new Shape({
  format: choice("escrow/v1/card"),
  payload: binary(MAX_PAYLOAD_LENGTH_BYTES),
  manifest: binary(manifests.MAX_LENGTH_BYTES),
  manifest_signature: SIGNATURE,
  host: text(255, 1),
  checkpoint: text(4096),
});

/** A contact as the kit remembers it: the opening of the manifest's commitment. */
export class Contact {
  #nonce;

  /** @param {{ name: string, address: string, nonce: Uint8Array }} fields */
  constructor({ name, address, nonce }) {
    this.name = name;
    this.address = address;
    this.#nonce = nonce;
    Object.freeze(this);
  }

  get nonce() {
    return this.#nonce;
  }

  /** Return the 32-byte commitment that stands in the manifest. */
  commitment() {
    return manifests.contactCommitment(this.#nonce, this.name, this.address);
  }
}

/** The customer's piece: share, manifest, envelope and contacts. */
export class Kit {
  #envelope;

  /**
   * @param {{
   *   payload: Payload,
   *   manifest: Manifest,
   *   manifestSignature: Uint8Array,
   *   envelope: Uint8Array,
   *   host: string,
   *   contacts: readonly Contact[],
   * }} fields
   */
  constructor({ payload, manifest, manifestSignature, envelope, host, contacts }) {
    this.payload = payload;
    this.manifest = manifest;
    this.manifestSignature = manifestSignature;
    this.#envelope = envelope;
    this.host = host;
    this.contacts = Object.freeze([...contacts]);
    Object.freeze(this);
  }

  /**
   * Read a kit file and check that everything in it belongs together.
   *
   * Throws Malformed ("kit", or of an inner document), Mismatch or BadSignature.
   * @param {Uint8Array} data
   */
  static async parse(data) {
    const found = readDocument(data, KIT, "kit", MAX_KIT_LENGTH_BYTES);
    const payload = takePayload(found.payload);
    return orWipe(payload, async () => {
      const kit = new Kit({
        payload,
        manifest: Manifest.parse(found.manifest),
        manifestSignature: found.manifest_signature,
        envelope: found.envelope,
        host: found.host,
        contacts: found.contacts.map((/** @type {any} */ contact) => new Contact(contact)),
      });
      await kit.check();
      return kit;
    });
  }

  get envelope() {
    return this.#envelope;
  }

  /** Check the parts against each other; throws Mismatch or BadSignature. */
  async check() {
    await checkPiece(this.payload, this.manifest, this.manifestSignature, "customer");
    this.manifest.checkEnvelope(this.#envelope);
    const expected = this.manifest.ofRole("contact").map((line) => line.contactCommitment);
    const found = this.contacts.map((contact) => contact.commitment());
    const fits = found.every((each, i) => equal(each, expected[i] ?? new Uint8Array(0)));
    if (found.length !== expected.length || !fits) {
      const message = "The kit names other contacts than the deposit.";
      throw new Mismatch(message, { code: "wrong_contact" });
    }
  }

  /** The kit file's bytes. They are secret. */
  get data() {
    return withPayload(this.payload, (payload) =>
      writeDocument(
        {
          format: "escrow/v1/kit",
          payload,
          manifest: this.manifest.data,
          manifest_signature: this.manifestSignature,
          envelope: this.#envelope,
          host: this.host,
          contacts: this.contacts,
        },
        KIT,
      ),
    );
  }

  /** Overwrite the share. */
  wipe() {
    this.payload.wipe();
  }
}

/** A contact's piece: share and manifest, and the newest checkpoint seen when it was made. */
export class Card {
  /**
   * @param {{
   *   payload: Payload,
   *   manifest: Manifest,
   *   manifestSignature: Uint8Array,
   *   host: string,
   *   checkpoint: string,
   * }} fields
   */
  constructor({ payload, manifest, manifestSignature, host, checkpoint }) {
    this.payload = payload;
    this.manifest = manifest;
    this.manifestSignature = manifestSignature;
    this.host = host;
    this.checkpoint = checkpoint;
    Object.freeze(this);
  }

  /**
   * Read a card file and check that everything in it belongs together.
   *
   * Throws Malformed ("card", or of an inner document), Mismatch or BadSignature.
   * @param {Uint8Array} data
   */
  static async parse(data) {
    const found = readDocument(data, CARD, "card", MAX_CARD_LENGTH_BYTES);
    const payload = takePayload(found.payload);
    return orWipe(payload, async () => {
      const manifest = Manifest.parse(found.manifest);
      const { manifest_signature: manifestSignature, host, checkpoint } = found;
      await checkPiece(payload, manifest, manifestSignature, "contact");
      return new Card({ payload, manifest, manifestSignature, host, checkpoint });
    });
  }

  /** The card file's bytes. They are secret. */
  get data() {
    return withPayload(this.payload, (payload) =>
      writeDocument(
        {
          format: "escrow/v1/card",
          payload,
          manifest: this.manifest.data,
          manifest_signature: this.manifestSignature,
          host: this.host,
          checkpoint: this.checkpoint,
        },
        CARD,
      ),
    );
  }

  /** Overwrite the share. */
  wipe() {
    this.payload.wipe();
  }
}

/** Read a payload and overwrite its bytes. @param {Uint8Array} data */
function takePayload(data) {
  try {
    return Payload.parse(data);
  } finally {
    wipe(data);
  }
}

/** Write with the payload's bytes and overwrite them. @param {Payload} payload @param {(data: Uint8Array) => Uint8Array} write */
function withPayload(payload, write) {
  const data = payload.data;
  try {
    return write(data);
  } finally {
    wipe(data);
  }
}

/** Read a kit or a card file, whichever it is; throws what their parsers throw. @param {Uint8Array} data @returns {Promise<Kit | Card>} */
export async function parsePiece(data) {
  const found = loadJson(data, "kit", MAX_KIT_LENGTH_BYTES);
  const isObject = typeof found === "object" && found !== null && !Array.isArray(found);
  const kind = isObject && Object.hasOwn(found, "format") ? found.format : null;
  if (kind === "escrow/v1/card") return Card.parse(data);
  if (kind === "escrow/v1/kit") return Kit.parse(data);
  throw new Malformed("kit", "format", "neither a kit nor a card");
}

/**
 * Check a payload against its signed manifest and the role it must have.
 *
 * Throws Mismatch (wrong_deposit, wrong_manifest, wrong_custody, wrong_share) or BadSignature.
 * @param {Payload} payload @param {Manifest} manifest @param {Uint8Array} signature @param {string} role
 */
export async function checkPiece(payload, manifest, signature, role) {
  await payload.checkWith(manifest);
  if (payload.role !== role) {
    const message = "This piece belongs to another kind of custodian.";
    throw new Mismatch(message, { code: "wrong_custody" });
  }
  await manifest.verify(signature);
}
