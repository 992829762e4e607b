/**
 * Proving who asks with a piece, where the authenticator app is lost (PROTOCOL.md section 10).
 *
 * A kit proves its owner at once. Contacts vouch one after the other: until the last of them has, the
 * request is a draft, and customer and contact compare its number on the telephone.
 */

import { b64url, sha256 } from "../protocol/encoding.js";
import * as releases from "../protocol/release.js";

/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./piece.js").Piece} Piece */

/** Proofs for which the mail code is enough, at `begin` too. */
export const BY_MAIL = Object.freeze(["kit", "contacts"]);
export const WITH_KIT = Object.freeze(["kit", "totp+kit"]);
export const OF_CONTACTS = Object.freeze(["contacts", "totp+contacts"]);

/**
 * Sign the proof of a piece for a recovery, at `begin` also for its session and key.
 * @param {Piece} piece @param {Ledger} ledger @param {string} recovery
 * @param {{ session: string, publicKey: Uint8Array } | null} [session]
 */
export async function signed(piece, ledger, recovery, session = null) {
  const { deposit, custody } = piece.payload;
  const { hash: checkpointHash } = await ledger.newest();
  const proof = new releases.Proof({
    deposit,
    custody,
    recovery,
    session: session && session.session,
    publicKeySha256: session && sha256(session.publicKey),
    checkpointHash,
  });
  const key = await piece.releaseKey();
  try {
    const signature = b64url(await releases.signProof(proof, key));
    return { custody, checkpoint_hash: b64url(checkpointHash), signature };
  } finally {
    key.wipe();
  }
}
