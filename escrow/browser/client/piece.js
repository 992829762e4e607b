/**
 * A person's own piece, from whatever she has: a kit or card file, the QR code, the words.
 *
 * Who has words only types custody and the deposit's code, 24 digits: any other description of the
 * deposit is refused, and the ledger's key is taken from it (PROTOCOL.md section 7).
 */

import { equal } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import { isIdentifier } from "../protocol/encoding.js";
import * as keys from "../protocol/keys.js";
import { Card, parsePiece } from "../protocol/kit.js";
import { CODE_DIGITS, Manifest } from "../protocol/manifest.js";
import * as qr from "../protocol/qr.js";
import { Payload } from "../protocol/share.js";
import * as slip39 from "../protocol/slip39.js";
import { bytes } from "./answers.js";
import { Refused, WrongPiece, checked } from "./errors.js";
import { Signer } from "./http.js";

/** @typedef {import("./http.js").Client} Client */

/** A checked piece. `checkpoint`, `host` and `contacts` are those that came with a file, or empty. */
export class Piece {
  #payload;

  /**
   * @param {{
   *   payload: Payload,
   *   manifest: Manifest,
   *   signature: Uint8Array,
   *   checkpoint?: string,
   *   host?: string,
   *   contacts?: readonly import("../protocol/kit.js").Contact[],
   * }} fields
   */
  constructor({ payload, manifest, signature, checkpoint = "", host = "", contacts = [] }) {
    this.#payload = payload;
    this.manifest = manifest;
    this.signature = signature;
    this.checkpoint = checkpoint;
    this.host = host;
    this.contacts = contacts;
    Object.freeze(this);
  }

  get payload() {
    return this.#payload;
  }

  /** The custody whose piece this is. */
  get custody() {
    return this.#payload.custody;
  }

  /** Return the share, checked against the manifest once more; it is overwritten with the piece. */
  share() {
    return checked(() => this.#payload.checkWith(this.manifest), WrongPiece);
  }

  /** Derive the release key: it signs releases, proofs and a contact's requests. */
  async releaseKey() {
    const { deposit, custody } = this.#payload;
    return keys.releaseKey((await this.share()).value, deposit, custody);
  }

  /** Return what signs this custody's requests. */
  async signer() {
    return new Signer({ custody: this.custody, key: await this.releaseKey() });
  }

  /** Refuse a kit where a card is needed, and the reverse; throws WrongPiece("wrong_custody"). @param {string} role */
  requireRole(role) {
    if (this.#payload.role !== role) throw new WrongPiece("wrong_custody");
    return this;
  }

  /** Overwrite the share. */
  wipe() {
    this.#payload.wipe();
  }
}

/** Read a kit or card file; throws WrongPiece. @param {Uint8Array} data */
export async function ofFile(data) {
  const found = await checked(() => parsePiece(data), WrongPiece);
  const { payload, manifest, manifestSignature: signature, host } = found;
  const isCard = found instanceof Card;
  const [checkpoint, contacts] = isCard ? [found.checkpoint, []] : ["", found.contacts];
  return new Piece({ payload, manifest, signature, checkpoint, host, contacts });
}

/**
 * Read the share's QR code; its description comes from the service and must be the one that it names.
 *
 * Throws WrongPiece, Refused("wrong_manifest") and what `fetchCustody` throws.
 * @param {Client} client @param {string} text
 */
export async function ofQr(client, text) {
  const payload = await checked(() => qr.parseShare(text), WrongPiece);
  try {
    const { manifest, signature } = await fetchCustody(client, payload.custody, payload.manifestHash);
    return await madeOf(payload, manifest, signature);
  } catch (error) {
    payload.wipe();
    throw error;
  }
}

/**
 * Take words with the number of the piece and the deposit's 24 digits, as on the paper.
 *
 * Throws WrongPiece (its `cause` names the word), Refused("wrong_manifest") and what `fetchCustody`
 * throws.
 * @param {Client} client @param {string} words @param {string} typedCustody @param {string} typedCode
 */
export async function ofWords(client, words, typedCustody, typedCode) {
  const custody = withoutSpacesAndDashes(typedCustody).toLowerCase();
  const code = withoutSpacesAndDashes(typedCode);
  if (!isIdentifier(custody)) throw new WrongPiece("malformed_identifier");
  if (code.length !== CODE_DIGITS || !/^[0-9]+$/.test(code)) {
    throw new WrongPiece("wrong_manifest_code");
  }
  const share = await checked(() => slip39.Share.parse(words), WrongPiece);
  share.wipe();
  const { manifest, signature } = await fetchCustody(client, custody);
  if (manifest.code() !== code) throw new Refused("wrong_manifest");
  const { deposit, hash: manifestHash } = manifest;
  const { role } = manifest.custody(custody);
  const payload = new Payload({ deposit, custody, role, words, manifestHash });
  return madeOf(payload, manifest, signature);
}

/** @param {Payload} payload @param {Manifest} manifest @param {Uint8Array} signature */
async function madeOf(payload, manifest, signature) {
  const piece = new Piece({ payload, manifest, signature });
  try {
    await piece.share();
    return piece;
  } catch (error) {
    piece.wipe();
    throw error;
  }
}

/**
 * Fetch what the service says of a custody; its description is consistent in itself and, where a
 * hash is `pinned`, the one that is known.
 *
 * Throws Refused: malformed_manifest, wrong_signature, wrong_custody, wrong_manifest.
 * @param {Client} client @param {string} custody @param {Uint8Array | null} [pinned]
 */
export async function fetchCustody(client, custody, pinned = null) {
  const document = await client.get(`custodies/${custody}`);
  const { manifest, signature } = await manifestOf(document);
  await checked(() => manifest.custody(custody));
  if (pinned && !equal(manifest.hash, pinned)) throw new Refused("wrong_manifest");
  return { document, manifest, signature };
}

/** Read the description in an answer and check its own signature; throws Refused. @param {Record<string, any>} document */
export function manifestOf(document) {
  return checked(async () => {
    const manifest = Manifest.parse(bytes(document.manifest));
    const signature = bytes(document.manifest_signature);
    await manifest.verify(signature);
    return { manifest, signature };
  });
}
