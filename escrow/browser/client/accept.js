/**
 * Accepting a piece: fetched by the link, opened by the digits, checked, kept, proven.
 *
 * Until `attest` nothing is final: a reload or a wrong digit costs nothing, and the piece is in this
 * page's memory alone. Before it the contact has a card on paper or in a file, or a passkey whose
 * copies were opened. Source: PROTOCOL.md section 7.
 */

import { wipe } from "../platform/bytes.js";
import { b64url } from "../protocol/encoding.js";
import { NotOpened, ProtocolError } from "../protocol/errors.js";
import * as invitations from "../protocol/invitation.js";
import * as keys from "../protocol/keys.js";
import { Card } from "../protocol/kit.js";
import { bytes, text } from "./answers.js";
import { attestShare } from "./attesting.js";
import { Copies, copiesIn, keep } from "./copies.js";
import { NotNow, Refused, WrongCode, WrongPiece, checked } from "./errors.js";
import { Signer } from "./http.js";
import { openLedger } from "./ledgerkeys.js";
import { CardPaper } from "./paper.js";
import { create } from "./passkey.js";
import { fetchCustody } from "./piece.js";

/** @typedef {import("../protocol/qr.js").InvitationLink} InvitationLink */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./passkey.js").Credentials} Credentials */
/** @typedef {import("./passkey.js").Site} Site */
/** @typedef {Awaited<ReturnType<typeof create>>} Created */

/** One piece on its way to a contact. Steps in order: `open`, a card or a passkey, `attest`. */
export class Acceptance {
  #client;
  #memory;
  #link;
  #sealed;
  /** @type {invitations.Invitation | null} */
  #invitation = null;
  /** @type {Ledger | null} */
  #ledger = null;
  /** @type {Created | null} */
  #created = null;
  #isKept = false;

  /** @param {Client} client @param {Memory} memory @param {InvitationLink} link @param {Uint8Array} sealed @param {string} customer */
  constructor(client, memory, link, sealed, customer) {
    this.#client = client;
    this.#memory = memory;
    this.#link = link;
    this.#sealed = sealed;
    /** An address of who asks, as the service says it. */
    this.customer = customer;
    /** How often digits did not open it. Nothing is burnt by that, here or at the service. */
    this.wrongTries = 0;
  }

  /**
   * Fetch what a link names; a reload may do it again. `origin` is the page's own.
   *
   * Throws WrongPiece (other_host, wrong_fragment), or ServiceError: `gone` when it was taken or
   * withdrawn, `wrong_state` with `state` "paused" after 14 days.
   * @param {Client} client @param {Memory} memory @param {InvitationLink} link @param {string} origin
   */
  static async fetch(client, memory, link, origin) {
    if (link.host !== origin) throw new WrongPiece("other_host");
    const halves = new invitations.Password({ fragment: link.fragment, digits: "" });
    const token = await checked(() => halves.fetchToken(link.custody), WrongPiece);
    const body = { token: b64url(token) };
    wipe(token);
    const path = `custodies/${link.custody}/invitation`;
    const answer = await client.post(path, body, { repeat: true });
    const [sealed, customer] = await checked(() => [bytes(answer.invitation), text(answer.customer)]);
    return new Acceptance(client, memory, link, /** @type {Uint8Array} */ (sealed), String(customer));
  }

  get custody() {
    return this.#link.custody;
  }

  /** Whether the link brought the digits with it: a QR code shown by someone in the room. */
  get hasDigits() {
    return Boolean(this.#link.digits);
  }

  /**
   * Open it with the digits that were heard (a second's work), and check all that it says.
   *
   * Throws WrongCode (wrong_digits when there are not 16, wrong_key when they do not open it), both
   * of which may be tried again; WrongPiece when what was sent is damaged; Refused when it, the
   * service's description or the ledger is not what it must be.
   * @param {string | null} [digits]
   */
  async open(digits = null) {
    const invitation = await this.#opened(digits);
    try {
      const { payload, manifest } = invitation;
      await fetchCustody(this.#client, payload.custody, manifest.hash);
      const { ledger } = await openLedger(this.#client, this.#memory, manifest.ledgerVkey);
      this.#ledger = ledger;
    } catch (error) {
      invitation.wipe();
      throw error;
    }
    this.#invitation?.wipe();
    this.#invitation = invitation;
  }

  /** @param {string | null} digits */
  async #opened(digits) {
    const password = await checked(() => this.#link.password(digits), WrongCode);
    try {
      return await invitations.open(this.#sealed, password, this.custody);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code === "wrong_key") {
        this.wrongTries++;
        throw new WrongCode("wrong_key", {}, { cause: error });
      }
      const kind = error instanceof NotOpened ? WrongPiece : Refused;
      throw new kind(error.code, {}, { cause: error });
    }
  }

  /** @returns {invitations.Invitation} */
  get #piece() {
    if (!this.#invitation) throw new NotNow("wrong_state", { state: "closed" });
    return this.#invitation;
  }

  /** What the contact confirms before going on: who she is, and what for. */
  get who() {
    const { contact, manifest } = this.#piece;
    const { label, kind, contactsNeeded, contactsCount, waitingSeconds } = manifest;
    const { name, address } = contact;
    return { name, address, label, kind, contactsNeeded, contactsCount, waitingSeconds };
  }

  /** Whether the ledger was seen for the first time on this device. */
  get firstLook() {
    return this.#ledger?.firstLook ?? true;
  }

  get #card() {
    const { payload, manifest, manifestSignature } = this.#piece;
    const { host } = new URL(this.#link.host);
    return new Card({ payload, manifest, manifestSignature, host, checkpoint: this.#memory.note });
  }

  /** What stands on the card, to print it. */
  get paper() {
    return new CardPaper(this.#card, { name: this.#piece.contact.name, customer: this.customer });
  }

  /** The card file's bytes, read back once. They are secret: the caller overwrites them. */
  async cardFile() {
    const data = this.#card.data;
    const again = data.slice();
    try {
      (await checked(() => Card.parse(again), WrongPiece)).wipe();
    } finally {
      wipe(again);
    }
    return data;
  }

  /** Whether there is a card, or a passkey whose copies were opened. */
  get isKept() {
    return this.#isKept;
  }

  /** Whether a passkey was made, whose copies may still have to be kept. */
  get hasPasskey() {
    return this.#created !== null;
  }

  /** The contact says that the card is printed or saved. */
  cardIsKept() {
    this.#isKept = Boolean(this.#piece);
  }

  /**
   * Make a passkey for this piece. Throws PasskeyError: then there is the card.
   * @param {Credentials | undefined} credentials @param {Site} site
   */
  async makePasskey(credentials, site) {
    const { payload, manifest } = this.#piece;
    const { document } = await fetchCustody(this.#client, payload.custody, manifest.hash);
    const known = (await copiesIn(document)).map((copy) => copy.credentialId);
    this.#created = await create(credentials, site, known);
  }

  /**
   * Keep copies that the passkey opens; nothing is sent before it has opened them.
   *
   * May be done again after a failure. Throws PasskeyError, ServiceError, Refused("copy_not_kept").
   * @param {Credentials | undefined} credentials @param {string} rpId
   */
  async keepCopies(credentials, rpId) {
    const { payload, manifest } = this.#piece;
    if (!this.#created) throw new NotNow("wrong_state", { state: "no_passkey" });
    const { custody, deposit } = payload;
    const { value } = payload.share();
    const plain = { share: payload.data, check: keys.checkSeed(value, deposit, custody) };
    const signer = new Signer({ custody, key: await keys.releaseKey(value, deposit, custody) });
    try {
      const copies = await new Copies(manifest, custody).make(
        credentials,
        rpId,
        this.#created,
        plain,
      );
      await keep(this.#client.signedBy(signer), manifest, custody, copies);
      this.#isKept = true;
    } finally {
      this.#created.outputs = null;
      wipe(plain.share, plain.check);
      signer.wipe();
    }
  }

  /**
   * Choose the language of the mails to come, and the phrase (null: none) that stands in each.
   * @param {string | null} phrase @param {string} locale
   */
  async choosePhrase(phrase, locale) {
    const { payload } = this.#piece;
    const { custody, deposit } = payload;
    const key = await keys.releaseKey(payload.share().value, deposit, custody);
    const signer = new Signer({ custody, key });
    try {
      const body = { phrase: phrase && phrase.normalize("NFC"), locale };
      const client = this.#client.signedBy(signer);
      await client.post(`custodies/${custody}/phrase`, body, { repeat: true });
    } finally {
      signer.wipe();
    }
  }

  /**
   * Prove that the piece is there: from now on it is the contact's, and the invitation is gone.
   *
   * Throws NotNow("nothing_kept") before there is a card or a passkey. Returns the custody's state.
   */
  async attest() {
    const { payload, manifest } = this.#piece;
    if (!this.#isKept || !this.#ledger) throw new NotNow("nothing_kept");
    return attestShare(this.#client, this.#ledger, manifest, payload);
  }

  /** Overwrite the piece, for who leaves the page. */
  wipe() {
    this.#invitation?.wipe();
    this.#invitation = null;
    this.#isKept = false;
  }
}
