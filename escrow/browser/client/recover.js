/**
 * From "I lost my key" to the key: open, wait, collect two pieces, combine (PROTOCOL.md section 10).
 *
 * A page needs nothing of an earlier one. After a reload it signs in again, finds the recovery with
 * `underWay`, and goes on where `stepOf` says; but the key that pieces are sealed to was in memory
 * only, so collecting begins anew, with a fresh session, and the earlier one is void for ever.
 */

import { equal } from "../platform/bytes.js";
import { b64url } from "../protocol/encoding.js";
import * as releases from "../protocol/release.js";
import { bytes, list } from "./answers.js";
import { Collection } from "./collecting.js";
import { NotNow, Refused, checked } from "./errors.js";
import { ServiceError } from "./http.js";
import { Session, checkDocument, newIdentifier } from "./received.js";
import * as vouching from "./vouching.js";

export { usableDeposits } from "./deposits.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {import("./received.js").Target} Target */
/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

const MAY_BE_RECOVERED = new Set(["active", "complete", "closing"]);

/**
 * Tell what is under way for a deposit: `recovery`, at most one, or null, and `drafts` without effect.
 * A stranger with access to the mailbox may have made a draft too: the person says which is hers.
 * @param {Client} client @param {string} deposit
 */
export async function underWay(client, deposit) {
  const found = await client.get(`deposits/${deposit}/recoveries`);
  const drafts = await checked(() => list(found.drafts));
  return { recovery: /** @type {Document | null} */ (found.recovery), drafts };
}

/**
 * Ask for a recovery; returns its document, of a draft where contacts have to vouch.
 *
 * With a kit its proof goes along: then `piece` and `ledger` are needed. May be repeated with the same
 * `recovery`. Throws ServiceError (step_up_required for a proof with the authenticator) and NotNow:
 * no_veto, contacts_do_not_replace.
 * @param {Client} client
 * @param {{
 *   deposit: string,
 *   proof?: string,
 *   reason?: string,
 *   recovery?: string,
 *   piece?: Piece | null,
 *   ledger?: Ledger | null,
 * }} asked
 */
export async function open(client, asked) {
  const { deposit, proof = "totp", reason = "", recovery = newIdentifier() } = asked;
  /** @type {Document} */
  const body = { deposit, reason: reason.normalize("NFC"), proof };
  if (vouching.WITH_KIT.includes(proof)) {
    if (!asked.piece || !asked.ledger) throw new TypeError("a kit's proof needs the kit");
    body.piece = await vouching.signed(asked.piece, asked.ledger, recovery);
  }
  try {
    return await client.put(`recoveries/${recovery}`, body);
  } catch (error) {
    throw notPossible(error, proof);
  }
}

/** Say why this kind of proof is not possible, where it is not. @param {unknown} error @param {string} proof */
function notPossible(error, proof) {
  const isOfProof =
    error instanceof ServiceError &&
    error.code === "wrong_state" &&
    MAY_BE_RECOVERED.has(error.details.state ?? "") &&
    proof !== "totp";
  if (!isOfProof) return error;
  const code = proof.includes("+") ? "no_veto" : "contacts_do_not_replace";
  return new NotNow(code, {}, { cause: error });
}

/** Read a recovery, or a draft of one. @param {Client} client @param {string} recovery */
export function read(client, recovery) {
  return client.get(`recoveries/${recovery}`);
}

/** Stop a recovery; no piece is lost by it. @param {Client} client @param {string} recovery */
export function veto(client, recovery) {
  return client.post(`recoveries/${recovery}/veto`, {}, { repeat: true });
}

/** Withdraw a draft. @param {Client} client @param {string} recovery */
export function withdraw(client, recovery) {
  return client.delete(`recoveries/${recovery}`);
}

/**
 * @typedef {object} Step what a recovery's document asks for now
 * @property {"vouch" | "notices" | "wait" | "begin" | "hold" | "over"} step
 * @property {string} code the reason why it cannot be finished now, empty for "begin"
 * @property {number | null} at until when, or from when; Unix seconds
 * @property {boolean} endsAnother whether beginning ends a session of another page
 */

/** @type {Record<string, [Step["step"], string, string]>} */
const STEPS = {
  draft: ["vouch", "draft", "expires_at"],
  opened: ["notices", "not_noticed", "expires_at"],
  waiting: ["wait", "too_early", "ready_at"],
  ready: ["begin", "", "expires_at"],
  collecting: ["begin", "", "expires_at"],
  frozen: ["hold", "frozen", "expires_at"],
};

/** Tell how a recovery goes on; also after a reload, on any device. @param {Document} document @returns {Step} */
export function stepOf(document) {
  const [step, code, time] = STEPS[document.state] ?? ["over", "wrong_state", "ended_at"];
  const endsAnother = step === "begin" && document.session !== null;
  return { step, code, at: document[time] ?? null, endsAnother };
}

/**
 * Fetch and check the deposit of a recovery, as its client needs it to finish.
 *
 * Throws what `checkDocument` throws.
 * @param {Client} client @param {Memory} memory @param {Document} running the recovery's document
 * @param {{ piece?: Piece | null, pinned?: Uint8Array | null }} [known]
 */
export async function targetOf(client, memory, running, known = {}) {
  const document = await client.get(`recoveries/${running.recovery}/deposit`);
  return checkDocument(client, memory, running.deposit, document, known);
}

/**
 * Make the key, in memory only, and begin; earlier sessions end for ever.
 *
 * `piece` proves once more what a kit has opened. Throws NotNow (the codes of `stepOf`), Refused
 * ("other_public_key"), ServiceError (step_up_required).
 * @param {Client} client @param {Target} target @param {Document} running the recovery's document
 * @param {Piece | null} [piece]
 */
export async function begin(client, target, running, piece = null) {
  const { code, at } = stepOf(running);
  if (code) throw new NotNow(code, { state: running.state, at: at ?? undefined });
  const session = await Session.generate(running.recovery);
  try {
    /** @type {Document} */
    const body = { public_key: b64url(session.publicKey) };
    if (vouching.WITH_KIT.includes(running.proof)) {
      if (!piece) throw new TypeError("a kit's proof needs the kit");
      body.piece = await vouching.signed(piece, target.ledger, running.recovery, session);
    }
    const begun = await client.put(session.path, body);
    const key = await checked(() => bytes(begun.public_key));
    if (!equal(key, session.publicKey)) throw new Refused("other_public_key");
    return new Collection(client, target, session);
  } catch (error) {
    session.wipe();
    throw error;
  }
}

/** Tell whether the provider releases only after contacts have. @param {Document} running the recovery's document */
export function contactsFirst(running) {
  return vouching.OF_CONTACTS.includes(running.proof);
}

/**
 * Tell the service, with the key that only the recovered one gives, that it worked. The person has
 * her key even if this fails.
 * @param {Client} client @param {Target} target @param {string} recovery @param {Ed25519PrivateKey} ownerKey
 */
export async function complete(client, target, recovery, ownerKey) {
  const { deposit, hash } = target.manifest;
  const time = client.now();
  const signature = await releases.signComplete(ownerKey, deposit, recovery, hash, time);
  const body = { time, signature: b64url(signature) };
  return client.post(`recoveries/${recovery}/complete`, body, { repeat: true });
}
