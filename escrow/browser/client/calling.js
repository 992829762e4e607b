/**
 * The call, on the side of the person who gets her key back (PROTOCOL.md section 10).
 *
 * The order is the security: the contact's answer is taken once, and only after it our key and
 * randomness are revealed. Nothing here can be made to reveal them earlier, or to take another answer.
 */

import { equal, randomBytes } from "../platform/bytes.js";
import * as calls from "../protocol/call.js";
import { b64url } from "../protocol/encoding.js";
import { bytes, list } from "./answers.js";
import { NotNow, Refused, checked } from "./errors.js";
import { newIdentifier } from "./received.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./received.js").Session} Session */
/** @typedef {import("./received.js").Target} Target */
/** @typedef {import("../protocol/manifest.js").Custody} Custody */

export const CALL_SECONDS = 900;
export const POLL_SECONDS = 1;

/** One call with one contact; a reload of the page needs another one. */
export class Call {
  #client;
  #session;
  #line;
  #named;
  #random = randomBytes(calls.RANDOM_LENGTH_BYTES);
  #committed;
  /** @type {Promise<Uint8Array> | undefined} */
  #nonce;

  /** @param {Client} client @param {Target} target @param {Session} session @param {Custody} line */
  constructor(client, target, session, line) {
    this.#client = client;
    this.#session = session;
    this.#line = line;
    this.#named = new calls.Call({
      deposit: target.manifest.deposit,
      recovery: session.recovery,
      session: session.session,
      call: newIdentifier(),
      custody: line.custody,
    });
    this.#committed = calls.commitment(this.#named, session.publicKey, this.#random);
  }

  /** Publish the commitment of a new call. @param {Client} client @param {Target} target @param {Session} session @param {Custody} line */
  static async start(client, target, session, line) {
    const call = new Call(client, target, session, line);
    const commitment = b64url(call.#committed);
    await client.put(call.path, { custody: line.custody, commitment });
    return call;
  }

  get path() {
    return `${this.#session.path}/calls/${this.#named.call}`;
  }

  get custody() {
    return this.#line.custody;
  }

  /**
   * Wait for the contact's answer. The first one that carries its signature counts, for ever.
   *
   * Throws Refused("wrong_signature"), NotNow("no_call").
   */
  answered() {
    this.#nonce ??= this.#waitForNonce();
    return this.#nonce;
  }

  async #waitForNonce() {
    for (let left = CALL_SECONDS / POLL_SECONDS; left > 0; left--) {
      const found = await this.#client.get(this.path);
      if (found.nonce !== null) return this.#checkNonce(found);
      await this.#client.pause(POLL_SECONDS);
    }
    throw new NotNow("no_call", { custody: this.custody });
  }

  /** @param {Document} found */
  #checkNonce(found) {
    return checked(
      async () => {
        const [nonce, signature] = [bytes(found.nonce), bytes(found.nonce_signature)];
        const { call, custody } = this.#named;
        const committed = this.#committed;
        await calls.verifyNonce(this.#line.releaseKey, signature, call, custody, committed, nonce);
        return nonce;
      },
      Refused,
      { custody: this.custody },
    );
  }

  /**
   * Reveal what the commitment hid, after the answer; returns the 12 digits to read out.
   *
   * Throws Refused("second_nonce") when the service shows another answer than the one taken.
   */
  async reveal() {
    const nonce = await this.answered();
    const { publicKey } = this.#session;
    const body = { public_key: b64url(publicKey), random: b64url(this.#random) };
    const found = await this.#client.post(`${this.path}/reveal`, body, { repeat: true });
    const shown = await checked(() => bytes(found.nonce));
    if (!equal(shown, nonce)) throw new Refused("second_nonce", { custody: this.custody });
    return calls.code(this.#committed, nonce, publicKey, this.#random);
  }

  /** Wait until the contact has typed the digits and sent its piece; throws NotNow("no_call"). */
  async released() {
    const { custody } = this;
    for (let left = CALL_SECONDS / POLL_SECONDS; left > 0; left--) {
      const found = await this.#client.get(this.#session.path);
      const releases = await checked(() => list(found.releases));
      if (releases.some((each) => each.custody === custody)) return;
      if (found.is_over) throw new NotNow("session_over");
      await this.#client.pause(POLL_SECONDS);
    }
    throw new NotNow("no_call", { custody });
  }
}
