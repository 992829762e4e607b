/**
 * Collecting two pieces and combining them (PROTOCOL.md section 10).
 *
 * The key that pieces are sealed to lives in memory only, and only after the wait. Everything secret
 * in here is overwritten by `wipe`, which a page calls when it is left.
 */

import { equal, wipe } from "../platform/bytes.js";
import * as envelopes from "../protocol/envelope.js";
import { BadShare, ProtocolError } from "../protocol/errors.js";
import * as keys from "../protocol/keys.js";
import * as slip39 from "../protocol/slip39.js";
import { list } from "./answers.js";
import { Call } from "./calling.js";
import { NotNow, Refused, checked } from "./errors.js";
import { opened } from "./received.js";

/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {import("./received.js").Session} Session */
/** @typedef {import("./received.js").Target} Target */
/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("../protocol/manifest.js").Custody} Custody */
/** @typedef {import("../protocol/share.js").Payload} Payload */

export const RELEASE_SECONDS = 30;
export const POLL_SECONDS = 0.5;

/** The secret, and the owner key: it completes the recovery and signs for a replacement. */
export class Recovered {
  #secret;
  #ownerKey;

  /** @param {{ secret: Uint8Array, ownerKey: Ed25519PrivateKey }} fields */
  constructor({ secret, ownerKey }) {
    this.#secret = secret;
    this.#ownerKey = ownerKey;
    Object.freeze(this);
  }

  get secret() {
    return this.#secret;
  }

  get ownerKey() {
    return this.#ownerKey;
  }

  /** Overwrite the secret and forget the key. */
  wipe() {
    wipe(this.#secret);
    this.#ownerKey.wipe();
  }
}

/** The pieces of one session. */
export class Collection {
  #client;
  #session;
  /** @type {Payload[]} */
  #payloads = [];

  /** @param {Client} client @param {Target} target @param {Session} session */
  constructor(client, target, session) {
    this.#client = client;
    this.target = target;
    this.#session = session;
  }

  get session() {
    return this.#session;
  }

  /** The custodies whose pieces are here. */
  get custodies() {
    return this.#payloads.map((payload) => payload.custody);
  }

  /** Whether the pieces of two groups are here. */
  get isEnough() {
    const shares = this.#payloads.map((payload) => payload.share());
    const complete = shares.filter(({ groupIndex, memberThreshold }) => {
      const members = shares.filter((share) => share.groupIndex === groupIndex);
      return members.length >= memberThreshold;
    });
    return new Set(complete.map((share) => share.groupIndex)).size >= slip39.GROUPS_NEEDED;
  }

  /**
   * Take the person's own piece, which from now on is overwritten with the rest.
   *
   * Throws Refused("wrong_manifest"): piece and service show different descriptions.
   * @param {Piece} piece
   */
  async add(piece) {
    if (!equal(piece.manifest.hash, this.target.manifest.hash)) throw new Refused("wrong_manifest");
    await piece.share();
    this.#put(piece.payload);
  }

  /** @param {Payload} payload */
  #put(payload) {
    const earlier = this.#payloads.findIndex(({ custody }) => custody === payload.custody);
    if (earlier >= 0) this.#payloads.splice(earlier, 1, payload);
    else this.#payloads.push(payload);
  }

  /** Start a call with a contact. @param {Custody} line */
  call(line) {
    return Call.start(this.#client, this.target, this.#session, line);
  }

  /**
   * Wait for one custody's release, check and open it.
   *
   * Throws NotNow (no_release, session_over, release_refused with the provider's reason), Refused as
   * `opened` does.
   * @param {Custody} line @param {number} [seconds]
   */
  async take(line, seconds = RELEASE_SECONDS) {
    const { custody } = line;
    for (let left = seconds / POLL_SECONDS; left > 0; left--) {
      const found = await this.#client.get(this.#session.path);
      const releases = await checked(() => list(found.releases));
      const release = releases.find((each) => each.custody === custody);
      if (release?.state === "refused") {
        throw new NotNow("release_refused", { custody, reason: String(release.reason) });
      }
      if (release && release.sealed !== null) {
        return this.#put(await opened(this.target, this.#session, line, release));
      }
      if (found.is_over) throw new NotNow("session_over");
      await this.#client.pause(POLL_SECONDS);
    }
    throw new NotNow("no_release", { custody });
  }

  /**
   * Combine, and check all that combining makes checkable, before the key is believed.
   *
   * The pieces are overwritten when it has worked. Throws Refused: missing_share, surplus_share,
   * wrong_digest, wrong_owner_key, wrong_signature, wrong_envelope, wrong_key; `details.custody` names
   * the piece at fault where it is one.
   */
  async combine() {
    const { manifest, envelope, signature } = this.target;
    const recoveryKey = await this.#recoveryKey();
    try {
      const recovered = await checked(async () => {
        await manifest.checkRecovered(recoveryKey, envelope, signature);
        const secret = await envelopes.open(envelope, recoveryKey);
        return new Recovered({ secret, ownerKey: await keys.ownerKey(recoveryKey, manifest.deposit) });
      });
      this.wipe();
      return recovered;
    } finally {
      wipe(recoveryKey);
    }
  }

  async #recoveryKey() {
    const shares = this.#payloads.map((payload) => payload.share());
    try {
      return await slip39.combineShares(shares);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const number = error instanceof BadShare ? error.share : null;
      const custody = number === null ? undefined : this.custodies[number - 1];
      throw new Refused(error.code, custody ? { custody } : {}, { cause: error });
    }
  }

  /** Overwrite pieces and key. */
  wipe() {
    for (const payload of this.#payloads) payload.wipe();
    this.#payloads = [];
    this.#session.wipe();
  }
}
