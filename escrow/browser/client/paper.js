/**
 * What stands on kit and card, for a page to print. The same content as the CLI's PDF.
 *
 * Words and codes are written when they are asked for: whoever asks shows them and keeps nothing.
 */

import { encodeBase64 } from "../platform/base64.js";
import { wipe } from "../platform/bytes.js";
import { grouped } from "../protocol/encoding.js";
import * as keys from "../protocol/keys.js";
import { Checkpoint, Verifier, splitNote } from "../protocol/note.js";
import * as qr from "../protocol/qr.js";

/** @typedef {import("../protocol/kit.js").Card} Card */
/** @typedef {import("../protocol/kit.js").Kit} Kit */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {import("../protocol/share.js").Payload} Payload */

export const CONFIRMATION_DIGITS = 4;

/** Return the four digits that stand at the foot of a kit: who types them has it. @param {Manifest} manifest */
export function confirmationDigits(manifest) {
  return manifest.code().slice(-CONFIRMATION_DIGITS);
}

/** One piece on paper. */
export class Paper {
  #payload;

  /**
   * `checkpoint` is a signed note, or empty when none was seen. Throws ProtocolError("malformed_note").
   * @param {{ payload: Payload, manifest: Manifest, host: string, checkpoint: string }} fields
   */
  constructor({ payload, manifest, host, checkpoint }) {
    this.#payload = payload;
    this.role = payload.role;
    this.label = manifest.label;
    this.isDrill = manifest.kind === "drill";
    this.createdAt = manifest.createdAt;
    this.waitingSeconds = manifest.waitingSeconds;
    this.contactsNeeded = manifest.contactsNeeded;
    this.contactsCount = manifest.contactsCount;
    this.host = host;
    /** The deposit's number, the piece's number, in groups of four. */
    this.deposit = grouped(payload.deposit);
    this.custody = grouped(payload.custody);
    /** The deposit's code, 24 digits in groups of four. */
    this.manifestCode = grouped(manifest.code());
    this.ledgerKey = grouped(Verifier.parse(manifest.ledgerVkey).keyDigits());
    this.checkpoint = checkpoint ? checkpointOf(checkpoint) : null;
  }

  /** The 33 words. They are secret. */
  get words() {
    return this.#payload.words.split(" ");
  }

  /** The text of the piece's QR code. It is secret. */
  get shareText() {
    return qr.shareText(this.#payload);
  }

  /** The check code: text of its QR code, and 40 digits in groups of four. It opens nothing. */
  get check() {
    const { deposit, custody } = this.#payload;
    const seed = keys.checkSeed(this.#payload.share().value, deposit, custody);
    const check = new qr.Check({ deposit, custody, seed });
    const found = { text: check.text, digits: grouped(keys.checkCode(seed)) };
    wipe(seed);
    return found;
  }
}

/** The customer's kit on paper. */
export class KitPaper extends Paper {
  /** @param {Kit} kit @param {string} checkpoint */
  constructor(kit, checkpoint) {
    const { payload, manifest, host } = kit;
    super({ payload, manifest, host, checkpoint });
    this.confirmation = confirmationDigits(manifest);
    /** The text of the envelope's QR code; null when the kit file must be kept with the paper. */
    this.envelopeText = qr.envelopeText(kit.envelope);
    this.contacts = kit.contacts.map(({ name, address }) => ({ name, address }));
  }
}

/** A contact's card on paper. */
export class CardPaper extends Paper {
  /**
   * `name` is the contact's own, `customer` the owner's address as the service says it.
   * @param {Card} card @param {{ name: string, customer: string }} people
   */
  constructor(card, { name, customer }) {
    const { payload, manifest, host, checkpoint } = card;
    super({ payload, manifest, host, checkpoint });
    this.name = name;
    this.customer = customer;
  }
}

/** @param {string} signed */
function checkpointOf(signed) {
  const { size, root } = Checkpoint.parse(splitNote(signed)[0]);
  return { size, root: encodeBase64(root, false), text: qr.checkpointText(signed) };
}
