/**
 * The call, on the side of the contact, and the release that follows (PROTOCOL.md section 10).
 *
 * Nothing is sealed before the digits that the caller reads out fit what was computed here. They are
 * compared here and never sent; a page cannot skip a step, as each needs what the one before leaves.
 */

import { equal, randomBytes, wipe } from "../platform/bytes.js";
import * as calls from "../protocol/call.js";
import { b64url, sha256 } from "../protocol/encoding.js";
import * as releases from "../protocol/release.js";
import * as seal from "../protocol/seal.js";
import { bytes, identifier, list } from "./answers.js";
import { NotNow, Refused, WrongCode, checked } from "./errors.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./announced.js").Running} Running */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./http.js").Signer} Signer */
/** @typedef {import("./piece.js").Piece} Piece */

export const CALL_SECONDS = 600;
export const POLL_SECONDS = 1;

/** One call as its contact sees it. A reload of the page needs another one. */
export class Answer {
  #client;
  #piece;
  #running;
  #named;
  #committed;
  #nonce = randomBytes(calls.RANDOM_LENGTH_BYTES);
  #triesLeft = calls.MAX_TRIES;
  /** @type {string | null} the digits, once the reveal has opened the commitment */
  #expected = null;
  #agreed = false;

  /**
   * @param {Client} client signed @param {Piece} piece @param {Running} running @param {string} call
   * @param {Uint8Array} committed
   */
  constructor(client, piece, running, call, committed) {
    this.#client = client;
    this.#piece = piece;
    this.#running = running;
    this.#committed = committed;
    this.#named = new calls.Call({
      deposit: piece.manifest.deposit,
      recovery: running.recovery,
      session: running.session,
      call,
      custody: piece.custody,
    });
  }

  /**
   * Wait for the other side's call, fix its commitment and answer it.
   *
   * Throws NotNow (no_call, session_over), Refused (revealed_early, second_nonce).
   * @param {Client} client signed @param {Signer} signer @param {Piece} piece @param {Running} running
   */
  static async toCall(client, signer, piece, running) {
    const { call, committed } = await waitForCall(client, piece.custody, running);
    const answer = new Answer(client, piece, running, call, committed);
    const nonce = answer.#nonce;
    const body = {
      commitment: b64url(committed),
      nonce: b64url(nonce),
      signature: b64url(await signer.signNonce(call, committed, nonce)),
    };
    await answer.#checkNonce(await client.post(`${answer.path}/nonce`, body, { repeat: true }));
    return answer;
  }

  get path() {
    return `${this.#running.path}/calls/${this.#named.call}`;
  }

  /** Refuse when the service shows another answer than ours. @param {Document} found */
  async #checkNonce(found) {
    const shown = await checked(() => bytes(found.nonce));
    if (!equal(shown, this.#nonce)) throw new Refused("second_nonce");
  }

  /**
   * Wait for the other side's key; only after this may the digits be asked for.
   *
   * Throws Refused (wrong_commitment, other_public_key, second_nonce), NotNow("no_call").
   */
  async revealed() {
    for (let left = CALL_SECONDS / POLL_SECONDS; left > 0; left--) {
      const found = await this.#client.get(this.path);
      if (found.random !== null && found.public_key !== null) return this.#checkReveal(found);
      await this.#client.pause(POLL_SECONDS);
    }
    throw new NotNow("no_call");
  }

  /** @param {Document} found */
  async #checkReveal(found) {
    const [publicKey, random] = await checked(() => [bytes(found.public_key), bytes(found.random)]);
    await checked(() => calls.checkReveal(this.#named, this.#committed, publicKey, random));
    if (!equal(publicKey, this.#running.publicKey)) throw new Refused("other_public_key");
    await this.#checkNonce(found);
    this.#expected = calls.code(this.#committed, this.#nonce, publicKey, random);
  }

  /**
   * Compare the digits that the other person has read out. They never leave this device.
   *
   * Throws WrongCode("wrong_call_digits") with the tries that are left, and Refused of the same code
   * when there is none: the call is over.
   * @param {string} typed
   */
  compare(typed) {
    if (this.#expected === null) throw new TypeError("the key is not revealed yet");
    if (!this.#triesLeft) throw new Refused("wrong_call_digits", { triesLeft: 0 });
    if (calls.sameCode(typed, this.#expected)) {
      this.#agreed = true;
      return;
    }
    this.#agreed = false;
    const triesLeft = --this.#triesLeft;
    throw new (triesLeft ? WrongCode : Refused)("wrong_call_digits", { triesLeft });
  }

  /**
   * Seal the piece to exactly the agreed key, sign the release, send both. May be repeated only as a
   * whole call.
   */
  async release() {
    if (!this.#agreed) throw new TypeError("the digits were not compared");
    const { recovery, session, publicKey } = this.#running;
    const { deposit, custody } = this.#piece.payload;
    const { hash: manifestHash } = this.#piece.manifest;
    const binding = new seal.Binding({ deposit, custody, manifestHash, recovery, session });
    const sealed = await this.#seal(publicKey, binding);
    const [publicKeySha256, sealedSha256] = [sha256(publicKey), sha256(sealed)];
    const time = this.#client.now();
    const made = new releases.Release({
      ...{ deposit, custody, recovery, session, manifestHash },
      ...{ publicKeySha256, sealedSha256, time },
    });
    const key = await this.#piece.releaseKey();
    const signature = b64url(await releases.sign(made, key));
    key.wipe();
    const body = { sealed: b64url(sealed), signature, time };
    return this.#client.put(`${this.#running.path}/releases/${custody}`, body);
  }

  /** @param {Uint8Array} publicKey @param {seal.Binding} binding */
  async #seal(publicKey, binding) {
    const data = this.#piece.payload.data;
    try {
      return await checked(() => seal.seal(data, publicKey, binding));
    } finally {
      wipe(data);
    }
  }
}

/** @param {Client} client @param {string} custody @param {Running} running */
async function waitForCall(client, custody, running) {
  for (let left = CALL_SECONDS / POLL_SECONDS; left > 0; left--) {
    const found = await client.get(running.path);
    const ours = (await checked(() => list(found.calls))).filter((each) => each.custody === custody);
    const newest = ours.at(-1);
    if (newest && newest.nonce === null) {
      // What hides behind the commitment must be hidden until we have answered.
      const isHidden = newest.random === null && newest.public_key === null;
      if (!isHidden) throw new Refused("revealed_early");
      return checked(() => ({
        call: identifier(newest.call),
        committed: bytes(newest.commitment),
      }));
    }
    if (found.is_over) throw new NotNow("session_over");
    await client.pause(POLL_SECONDS);
  }
  throw new NotNow("no_call");
}
