/** JSON documents, invitation, seal, wraps, QR texts. */

import * as encoding from "../../../../escrow/browser/protocol/encoding.js";
import * as invitation from "../../../../escrow/browser/protocol/invitation.js";
import * as keys from "../../../../escrow/browser/protocol/keys.js";
import * as kit from "../../../../escrow/browser/protocol/kit.js";
import * as ledger from "../../../../escrow/browser/protocol/ledger.js";
import * as manifest from "../../../../escrow/browser/protocol/manifest.js";
import * as move from "../../../../escrow/browser/protocol/move.js";
import * as qr from "../../../../escrow/browser/protocol/qr.js";
import * as request from "../../../../escrow/browser/protocol/request.js";
import * as seal from "../../../../escrow/browser/protocol/seal.js";
import * as share from "../../../../escrow/browser/protocol/share.js";
import * as wrap from "../../../../escrow/browser/protocol/wrap.js";
import { privateKey, raw } from "./registry.js";

/** @typedef {import("./registry.js").Input} Input */
/** @typedef {import("./registry.js").Operation} Operation */

/** @param {Input} given */
const manifestOf = (given) => manifest.Manifest.parse(raw(given.manifest));

/** @param {Input} given */
const passwordOf = (given) => invitation.Password.parse(given.fragment, given.digits);

/** @param {Input} given */
function sealBinding(given) {
  const { deposit, custody, recovery, session } = given;
  const manifestHash = raw(given.manifest_hash);
  return new seal.Binding({ deposit, custody, recovery, session, manifestHash });
}

/** @param {Input} given */
function wrapBinding(given) {
  return new wrap.Binding({
    part: given.kind,
    deposit: given.deposit,
    custody: given.custody,
    manifestHash: raw(given.manifest_hash),
    credentialId: raw(given.credential_id),
  });
}

/** @param {Input} line */
function movedOf(line) {
  return new move.Moved({
    custody: line.custody,
    time: line.time,
    previous: raw(line.previous),
    commitment: raw(line.commitment),
    bodySha256: raw(line.body_sha256),
    signature: raw(line.signature),
  });
}

/** @type {Record<string, Operation>} */
export const DOCUMENTS = {
  parse_manifest: (given) => ({ manifest: manifestOf(given).data }),
  manifest_hash: (given) => ({ hash: manifestOf(given).hash }),
  manifest_code: (given) => {
    const code = manifestOf(given).code();
    return { digits: code, text: encoding.grouped(code) };
  },
  sign_manifest: async (given) => ({
    signature: await manifestOf(given).sign(await privateKey(given.owner_seed)),
  }),
  verify_manifest: (given) => manifestOf(given).verify(raw(given.signature)),
  contact_commitment: ({ nonce, name, address }) => ({
    commitment: manifest.contactCommitment(raw(nonce), name, address),
  }),
  parse_share: (given) => ({ share: share.Payload.parse(raw(given.share)).data }),
  share_value: (given) => ({ value: share.Payload.parse(raw(given.share)).share().value }),
  parse_kit: async (given) => ({ kit: (await kit.Kit.parse(raw(given.kit))).data }),
  parse_card: async (given) => ({ card: (await kit.Card.parse(raw(given.card))).data }),
  parse_move: (given) => {
    const found = move.Move.parse(raw(given.move));
    return { move: found.data, commitment: found.commitment() };
  },
  sign_move: async ({ move: data, custody, time, seed }) => {
    const asked = move.Move.parse(raw(data)).request(custody, time);
    return { signature: await request.sign(asked, await privateKey(seed)) };
  },
  newest_move: async ({ commitment, moves, key }) => {
    const last = await move.newest(raw(commitment), moves.map(movedOf), raw(key));
    return { commitment: last && last.commitment };
  },
  parse_invitation: async (given) => ({
    invitation: (await invitation.Invitation.parse(raw(given.invitation))).data,
  }),
  parse_event: (given) => ({ event: ledger.Event.parse(raw(given.event)).bytes }),
  invitation_key: async (given) => {
    const key = await passwordOf(given).identity(given.custody);
    return { key, identity: keys.ageIdentity(key) };
  },
  fetch_token: ({ fragment, custody }) => {
    const token = new invitation.Password({ fragment, digits: "" }).fetchToken(custody);
    return { token, hash: encoding.sha256(token) };
  },
  open_invitation: async (given) => {
    const opened = await invitation.open(raw(given.sealed), passwordOf(given), given.custody);
    return { invitation: opened.data };
  },
  seal_public_key: async ({ seed }) => ({
    public_key: await new seal.PrivateKey(raw(seed)).publicKey(),
  }),
  seal_info: (given) => ({ info: sealBinding(given).info(raw(given.public_key)) }),
  open_seal: async (given) => {
    const key = new seal.PrivateKey(raw(given.seed));
    return { plaintext: await seal.open(raw(given.sealed), key, sealBinding(given)) };
  },
  seal: async (given) => ({
    sealed: await seal.seal(raw(given.plaintext), raw(given.public_key), sealBinding(given)),
  }),
  open_wrap: async (given) => ({
    plaintext: await wrapBinding(given).unwrap(raw(given.blob), raw(given.prf)),
  }),
  share_qr: ({ payload }) => ({ text: qr.shareText(share.Payload.parse(raw(payload))) }),
  read_share_qr: ({ text }) => ({ payload: qr.parseShare(text).data }),
  check_qr: ({ deposit, custody, check_seed }) => ({
    text: new qr.Check({ deposit, custody, seed: raw(check_seed) }).text,
  }),
  read_check_qr: ({ text }) => {
    const { deposit, custody, seed } = qr.Check.parse(text);
    return { deposit, custody, check_seed: seed };
  },
  checkpoint_qr: ({ note }) => ({ text: qr.checkpointText(note) }),
  read_checkpoint_qr: ({ text }) => ({ note: qr.parseCheckpoint(text) }),
  envelope_qr: ({ envelope }) => ({ text: qr.envelopeText(raw(envelope)) }),
  read_envelope_qr: ({ text }) => ({ envelope: qr.parseEnvelope(text) }),
  invitation_qr: ({ host, custody, fragment, digits }) => {
    const full = host.includes("://") ? host : `https://${host}`;
    return { text: new qr.InvitationLink({ host: full, custody, fragment, digits }).text };
  },
  read_invitation: ({ text }) => {
    const { host, custody, fragment, digits } = qr.InvitationLink.parse(text);
    return { host, custody, fragment, digits };
  },
};
DOCUMENTS.invitation_link = DOCUMENTS.invitation_qr;
