/**
 * A contact's move to another name or address, signed with the piece itself.
 *
 * The body of `POST /api/v1/custodies/{custody}/address` is a document in the one serialisation:
 * `name`, `address`, `nonce` (16 fresh bytes), `previous` (the 32-byte commitment that it follows: the
 * manifest's `contact_commitment`, or the one of the move before). It is signed as every request of a
 * contact is (`request`), over the SHA-256 of exactly these bytes. The ledger keeps, in `custody
 * moved`, `previous`, the new `commitment`, `body_sha256`, `time` and `signature`: name and address
 * stay out of it, and yet everybody who has the entry can check the signature, and who has name,
 * address and nonce can write the body again and compare.
 *
 * A move counts when it follows the newest one that counts, was signed later than that one, and its
 * signature holds; any other is passed over, so nobody but the holder of the piece moves a contact,
 * and an old signature moves nobody back. Source: PROTOCOL.md sections 6 and 13.
 */

import { equal } from "../platform/bytes.js";
import { HASH, Shape, readDocument, sha256, writeDocument } from "./encoding.js";
import { BadSignature } from "./errors.js";
import * as keys from "./keys.js";
import { CONTACT_FIELDS, Contact } from "./kit.js";
import { Request, message } from "./request.js";

export const MAX_LENGTH_BYTES = 4096;
const MOVE = new Shape({ ...CONTACT_FIELDS, previous: HASH });

/** Where a contact can be reached from now on, and which commitment this follows. */
export class Move {
  #address;
  #nonce;

  /** @param {{ name: string, address: string, nonce: Uint8Array, previous: Uint8Array }} fields */
  constructor({ name, address, nonce, previous }) {
    this.name = name;
    this.#address = address;
    this.#nonce = nonce;
    this.previous = previous;
    Object.freeze(this);
  }

  /** Read a move from its bytes; throws Malformed("move"). @param {Uint8Array} data */
  static parse(data) {
    const { name, address, nonce, previous } = readDocument(data, MOVE, "move", MAX_LENGTH_BYTES);
    return new Move({ name, address, nonce, previous });
  }

  get address() {
    return this.#address;
  }

  get nonce() {
    return this.#nonce;
  }

  /** The one serialisation: these bytes are sent, and their SHA-256 is signed. */
  get data() {
    const { name, address, nonce, previous } = this;
    return writeDocument({ name, address, nonce, previous }, MOVE);
  }

  /** Return the 32-byte commitment to the new name and address. */
  commitment() {
    return new Contact(this).commitment();
  }

  /** Return the request that a contact signs; `time` is in Unix seconds. @param {string} custody @param {number} time */
  request(custody, time) {
    return new Request({ custody, method: "POST", path: path(custody), body: this.data, time });
  }
}

/** What the ledger says of one move of one custody. */
export class Moved {
  /**
   * @param {{
   *   custody: string,
   *   previous: Uint8Array,
   *   commitment: Uint8Array,
   *   bodySha256: Uint8Array,
   *   time: number,
   *   signature: Uint8Array,
   * }} fields
   */
  constructor({ custody, previous, commitment, bodySha256, time, signature }) {
    this.custody = custody;
    this.previous = previous;
    this.commitment = commitment;
    this.bodySha256 = bodySha256;
    this.time = time;
    this.signature = signature;
    Object.freeze(this);
  }

  /** Tell whether this is the entry of exactly that move. @param {Move} move */
  isOf(move) {
    return equal(this.bodySha256, sha256(move.data)) && equal(this.commitment, move.commitment());
  }

  /** Tell whether the holder of the custody's piece signed it (32-byte public key). @param {Uint8Array} releaseKey */
  async isSigned(releaseKey) {
    const { custody, bodySha256, time } = this;
    const signed = message(custody, "POST", path(custody), bodySha256, time);
    try {
      await keys.verify(releaseKey, this.signature, signed);
      return true;
    } catch (error) {
      if (error instanceof BadSignature) return false;
      throw error;
    }
  }
}

/** Return the path that a move is sent to, and that is signed with it. @param {string} custody */
export function path(custody) {
  return `/api/v1/custodies/${custody}/address`;
}

/**
 * Walk from the manifest's commitment along the moves that count, in the ledger's order.
 *
 * Returns the last of them; null while the contact is where the manifest says.
 * @param {Uint8Array} commitment @param {Iterable<Moved>} moves @param {Uint8Array} releaseKey
 */
export async function newest(commitment, moves, releaseKey) {
  /** @type {Moved | null} */
  let last = null;
  for (const moved of moves) {
    /** @type {Uint8Array} */
    const before = last === null ? commitment : last.commitment;
    const isLater = last === null || moved.time > last.time;
    if (equal(moved.previous, before) && isLater && (await moved.isSigned(releaseKey))) last = moved;
  }
  return last;
}
