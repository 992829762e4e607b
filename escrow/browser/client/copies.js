/**
 * A contact's passkey-wrapped copies: made and proven, kept by the service, opened later.
 *
 * Copies count only when what one evaluation of the passkey has wrapped another one opens. They are
 * bound to the deposit's description, so a copy that opens also proves which description it is.
 * Source: PROTOCOL.md section 7.
 */

import { equal, wipe } from "../platform/bytes.js";
import { b64url } from "../protocol/encoding.js";
import { NotOpened } from "../protocol/errors.js";
import { Payload } from "../protocol/share.js";
import * as wrap from "../protocol/wrap.js";
import { bytes, list, text } from "./answers.js";
import { checkPiece } from "./attesting.js";
import { Refused, WrongPiece, checked } from "./errors.js";
import { PARTS, PasskeyError, evaluate, wipeOutputs } from "./passkey.js";
import { Piece, fetchCustody } from "./piece.js";

/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./passkey.js").Credentials} Credentials */
/** @typedef {import("./passkey.js").Outputs} Outputs */
/** @typedef {import("./passkey.js").Part} Part */
/** @typedef {{ part: string, credentialId: Uint8Array, data: Uint8Array }} Copy a wrapped copy as it is kept */

/** A contact's copies, bound to one deposit and custody. */
export class Copies {
  /** @param {Manifest} manifest @param {string} custody */
  constructor(manifest, custody) {
    this.manifest = manifest;
    this.custody = custody;
  }

  /** @param {Part} part @param {Uint8Array} credentialId */
  #binding(part, credentialId) {
    const { deposit, hash: manifestHash } = this.manifest;
    return new wrap.Binding({ part, deposit, custody: this.custody, manifestHash, credentialId });
  }

  /**
   * Wrap both copies for a passkey that was just made; returned once a fresh evaluation opens them.
   *
   * Two or three questions of the browser's in all, each in a click of its own where it asks for one.
   * Throws PasskeyError; then nothing was kept anywhere.
   * @param {Credentials | undefined} credentials @param {string} rpId
   * @param {{ credentialId: Uint8Array, outputs: Outputs | null }} created what it gave is overwritten
   * @param {Record<Part, Uint8Array>} plain the payload's bytes and the check seed
   * @returns {Promise<Copy[]>}
   */
  async make(credentials, rpId, { credentialId, outputs }, plain) {
    let earlier = outputs;
    try {
      // What create() gives, if anything, may differ from what every later get() gives.
      for (let tries = 0; tries < 2; tries++) {
        const copies = earlier && (await this.#wrapped(plain, credentialId, earlier));
        const { outputs: fresh } = await evaluate(credentials, rpId, [credentialId], PARTS);
        wipeOutputs(earlier);
        earlier = fresh;
        if (copies && (await this.#opens(copies, plain, fresh))) return copies;
      }
      throw new PasskeyError("prf_unstable");
    } finally {
      wipeOutputs(earlier);
    }
  }

  /** @param {Record<Part, Uint8Array>} plain @param {Uint8Array} credentialId @param {Outputs} outputs */
  #wrapped(plain, credentialId, outputs) {
    const wrapped = PARTS.map(async (part) => {
      const output = outputs[part] ?? new Uint8Array(0);
      const data = await this.#binding(part, credentialId).wrap(plain[part], output);
      return { part, credentialId, data };
    });
    return Promise.all(wrapped);
  }

  /** @param {Copy[]} copies @param {Record<Part, Uint8Array>} plain @param {Outputs} outputs */
  async #opens(copies, plain, outputs) {
    try {
      for (const part of PARTS) {
        const found = await this.#opened(copies, part, copies[0].credentialId, outputs);
        const fits = equal(found, plain[part]);
        wipe(found);
        if (!fits) return false;
      }
      return true;
    } catch (error) {
      if (error instanceof NotOpened) return false;
      throw error;
    }
  }

  /**
   * Open the copy of a part with one of the passkeys that keep it; the bytes are secret.
   *
   * Only this part's input is evaluated. Throws PasskeyError, or NotOpened for a copy that is not
   * intact or was made for something else.
   * @param {Credentials | undefined} credentials @param {string} rpId
   * @param {readonly Copy[]} copies as the service keeps them @param {Part} part
   */
  async open(credentials, rpId, copies, part) {
    const allowed = copies.filter((copy) => copy.part === part).map((copy) => copy.credentialId);
    if (!allowed.length) throw new PasskeyError("no_passkeys");
    const { credentialId, outputs } = await evaluate(credentials, rpId, allowed, [part]);
    try {
      return await this.#opened(copies, part, credentialId, outputs);
    } finally {
      wipeOutputs(outputs);
    }
  }

  /** @param {readonly Copy[]} copies @param {Part} part @param {Uint8Array} credentialId @param {Outputs} outputs */
  async #opened(copies, part, credentialId, outputs) {
    const copy = copies.find((each) => each.part === part && equal(each.credentialId, credentialId));
    if (!copy) throw new NotOpened("No copy was made for this passkey.");
    return this.#binding(part, credentialId).unwrap(copy.data, outputs[part] ?? new Uint8Array(0));
  }
}

/** Read the copies in what the service says of a custody; throws Refused. @param {Document} document @returns {Promise<Copy[]>} */
export function copiesIn(document) {
  return checked(() =>
    list(document.wraps).map((line) => ({
      part: text(line.part),
      credentialId: bytes(line.credential_id),
      data: bytes(line.data),
    })),
  );
}

/**
 * Have the service keep copies, and see that it keeps these very bytes.
 *
 * Throws ServiceError, or Refused("copy_not_kept").
 * @param {Client} client one that signs as the contact @param {Manifest} manifest
 * @param {string} custody @param {readonly Copy[]} copies
 */
export async function keep(client, manifest, custody, copies) {
  for (const { part, credentialId, data } of copies) {
    const body = { credential_id: b64url(credentialId), data: b64url(data) };
    await client.put(`custodies/${custody}/wraps/${part}`, body);
  }
  const { document } = await fetchCustody(client, custody, manifest.hash);
  const kept = await copiesIn(document);
  /** @param {Copy} copy */
  const isKept = (copy) =>
    kept.some(
      ({ part, credentialId, data }) =>
        part === copy.part && equal(credentialId, copy.credentialId) && equal(data, copy.data),
    );
  if (!copies.every(isKept)) throw new Refused("copy_not_kept");
}

/**
 * Open a contact's piece with a passkey; the caller overwrites it.
 *
 * Throws PasskeyError, WrongPiece for a copy that does not open, and what `fetchCustody` throws.
 * @param {Client} client @param {Credentials | undefined} credentials @param {string} rpId
 * @param {string} custody
 */
export async function openPiece(client, credentials, rpId, custody) {
  const { document, manifest, signature } = await fetchCustody(client, custody);
  const copies = await copiesIn(document);
  const opening = new Copies(manifest, custody);
  const data = await checked(() => opening.open(credentials, rpId, copies, "share"), WrongPiece);
  try {
    const payload = await checked(() => Payload.parse(data), WrongPiece);
    const piece = new Piece({ payload, manifest, signature });
    try {
      await piece.share();
      return piece;
    } catch (error) {
      piece.wipe();
      throw error;
    }
  } finally {
    wipe(data);
  }
}

/**
 * Prove with a passkey that the piece is there, in one tap; the piece itself stays closed.
 *
 * Throws what `openPiece` and `checkPiece` throw.
 * @param {Client} client @param {Memory} memory @param {Credentials | undefined} credentials
 * @param {string} rpId @param {string} custody
 */
export async function checkByPasskey(client, memory, credentials, rpId, custody) {
  const { document, manifest } = await fetchCustody(client, custody);
  const copies = await copiesIn(document);
  const opening = new Copies(manifest, custody);
  const seed = await checked(() => opening.open(credentials, rpId, copies, "check"), WrongPiece);
  return checkPiece(client, memory, custody, seed);
}
