/**
 * What a contact does with her piece: help in a recovery, stop one, vouch, prove, move, stop.
 *
 * Everything that is asked for is signed with the piece itself, so the service answers nobody else;
 * and what it shows is compared with what the piece pins: the deposit's description, the ledger's key,
 * and the history of the card's checkpoint. Source: PROTOCOL.md sections 6, 9, 10 and 13.
 */

import { randomBytes } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import { b64url } from "../protocol/encoding.js";
import * as keys from "../protocol/keys.js";
import { NONCE_LENGTH_BYTES } from "../protocol/kit.js";
import { Move, Moved, newest } from "../protocol/move.js";
import { number } from "../protocol/release.js";
import { running } from "./announced.js";
import { Answer } from "./answering.js";
import { list } from "./answers.js";
import { attestCheck, attestShare } from "./attesting.js";
import { NotNow, Refused, checked } from "./errors.js";
import { provenEvents } from "./ledger.js";
import { openLedger } from "./ledgerkeys.js";
import { fetchCustody } from "./piece.js";
import { canonical } from "./signin.js";
import { signed } from "./vouching.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./announced.js").Running} Running */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./http.js").Signer} Signer */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./piece.js").Piece} Piece */

/** A contact whose piece is at hand. `document` is what the service says of the custody. */
export class Contact {
  #piece;
  #signer;

  /**
   * @param {{
   *   client: Client,
   *   piece: Piece,
   *   signer: Signer,
   *   ledger: Ledger,
   *   document: Document,
   * }} fields
   */
  constructor({ client, piece, signer, ledger, document }) {
    this.client = client;
    this.#piece = piece;
    this.#signer = signer;
    this.ledger = ledger;
    this.document = document;
  }

  /**
   * Take up a piece, after comparing what the service shows with what it pins.
   *
   * Throws WrongPiece("wrong_custody") for a kit, Refused as `fetchCustody` and `openLedger` do.
   * @param {Client} client @param {Memory} memory @param {Piece} piece
   */
  static async of(client, memory, piece) {
    piece.requireRole("contact");
    const { custody, manifest } = piece;
    const { document } = await fetchCustody(client, custody, manifest.hash);
    const { ledger } = await openLedger(client, memory, manifest.ledgerVkey, piece.checkpoint);
    const signer = await piece.signer();
    return new Contact({ client: client.signedBy(signer), piece, signer, ledger, document });
  }

  get piece() {
    return this.#piece;
  }

  get custody() {
    return this.#piece.custody;
  }

  get manifest() {
    return this.#piece.manifest;
  }

  /** Ask the service once more what it says of this custody. */
  async refresh() {
    const found = await fetchCustody(this.client, this.custody, this.manifest.hash);
    this.document = found.document;
    return found.document;
  }

  /** Return the document of the recovery that is under way, or null. @returns {Promise<Document | null>} */
  async recovery() {
    const { recovery } = await this.refresh();
    return recovery ? this.client.get(`recoveries/${recovery.recovery}`) : null;
  }

  /**
   * Find the recovery that is collecting, after proving its announcement in the ledger.
   *
   * Throws NotNow and Refused as `announced.running` does, Refused as `Ledger.event` does.
   */
  async running() {
    const { recovery } = await this.refresh();
    if (!recovery) throw new NotNow("no_recovery");
    const events = await provenEvents(this.client, this.ledger, `custodies/${this.custody}/events`);
    return running(this.manifest, recovery, events, this.client.now());
  }

  /** Answer the other side's call; see `Answer`. @param {Running} found */
  answer(found) {
    return Answer.toCall(this.client, this.#signer, this.#piece, found);
  }

  /** Stop the recovery that is under way; throws NotNow("no_recovery"). No piece is lost by it. */
  async veto() {
    const { recovery } = await this.refresh();
    if (!recovery) throw new NotNow("no_recovery");
    return this.client.post(`recoveries/${recovery.recovery}/veto`, {}, { repeat: true });
  }

  /**
   * List the requests that wait for contacts to vouch. The page must not show their numbers: the
   * contact types the one that is read out to her.
   */
  async drafts() {
    const found = await this.client.get(`custodies/${this.custody}/drafts`);
    return checked(() => list(found.drafts));
  }

  /**
   * Find the request whose number, 8 digits, the other person has read out on the telephone.
   *
   * Throws NotNow("no_draft"), Refused("wrong_number"): somebody else may have made one in this name,
   * or made many until two were alike.
   * @param {string} typed
   */
  async draftOf(typed) {
    const standing = await this.drafts();
    if (!standing.length) throw new NotNow("no_draft");
    const digits = withoutSpacesAndDashes(typed);
    const fitting = await checked(() => standing.filter((each) => number(each.recovery) === digits));
    if (fitting.length !== 1) throw new Refused("wrong_number");
    return fitting[0];
  }

  /** Vouch for a request that `draftOf` has found. It hands over nothing. @param {Document} draft */
  async vouch(draft) {
    const { custody, ...body } = await signed(this.#piece, this.ledger, draft.recovery);
    return this.client.post(`recoveries/${draft.recovery}/proofs`, body, { repeat: true });
  }

  /** Prove the piece as a whole (drill, and to take back `decline` or `lost`); returns the state. */
  attestShare() {
    return attestShare(this.client, this.ledger, this.manifest, this.#piece.payload);
  }

  /** Prove with the check seed of the piece; returns the state. */
  async attestCheck() {
    const { deposit } = this.manifest;
    const seed = keys.checkSeed((await this.#piece.share()).value, deposit, this.custody);
    try {
      return await attestCheck(this.client, this.ledger, this.manifest, this.custody, seed);
    } finally {
      seed.fill(0);
    }
  }

  /** Stop being a contact; 30 days long `attestShare` undoes it. */
  decline() {
    return this.client.post(`custodies/${this.custody}/decline`, {}, { repeat: true });
  }

  /** Say that the piece is lost; 30 days long `attestShare` undoes it. */
  lost() {
    return this.client.post(`custodies/${this.custody}/lost`, {}, { repeat: true });
  }

  /** Choose the phrase that stands in every mail to this contact. @param {string} phrase */
  phrase(phrase) {
    const body = { phrase: phrase.normalize("NFC") };
    return this.client.post(`custodies/${this.custody}/phrase`, body, { repeat: true });
  }

  /**
   * Have a code mailed to the address to move to; false where none is needed: it is the same.
   * @param {string} address @returns {Promise<boolean>}
   */
  async reach(address) {
    const body = { address: canonical(address) };
    const answer = await this.client.post(`custodies/${this.custody}/address/code`, body);
    return answer.is_sent !== false;
  }

  /**
   * Say the code that came to the new address; after that the contact can move there for an hour.
   * @param {string} address @param {string} code
   */
  async reached(address, code) {
    const body = { address: canonical(address), code };
    return this.client.post(`custodies/${this.custody}/address/confirm`, body);
  }

  /**
   * Move to another name or address; piece and card stay what they are. An address counts once the
   * code that was mailed there has come back.
   * @param {string} name @param {string} address
   */
  async move(name, address) {
    const move = new Move({
      name: name.trim().normalize("NFC"),
      address: canonical(address),
      nonce: randomBytes(NONCE_LENGTH_BYTES),
      previous: await this.#previous(),
    });
    const body = {
      name: move.name,
      address: move.address,
      nonce: b64url(move.nonce),
      previous: b64url(move.previous),
    };
    return this.client.post(`custodies/${this.custody}/address`, body, { repeat: true });
  }

  /**
   * Return the commitment that a move follows now. Moves that were not signed with this piece are
   * passed over: nobody makes us sign that we follow anything but our own last word.
   */
  async #previous() {
    const { custody } = this;
    const line = this.manifest.custody(custody);
    const commitment = line.contactCommitment ?? new Uint8Array(0);
    const events = await provenEvents(this.client, this.ledger, `custodies/${custody}/events`);
    const moves = events
      .filter((event) => event.type === "custody moved" && event.custody === custody)
      .map(({ data }) => {
        const { previous, commitment: next, body_sha256: bodySha256, time, signature } = data;
        return new Moved({ custody, previous, commitment: next, bodySha256, time, signature });
      });
    return (await newest(commitment, moves, line.releaseKey))?.commitment ?? commitment;
  }

  /** Overwrite the piece and forget its key. */
  wipe() {
    this.#piece.wipe();
    this.#signer.wipe();
  }
}
