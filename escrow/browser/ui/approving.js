// What an admin approves: the exact content, written and read in this browser, and signed by a passkey.
// What is shown is read from the very bytes that are signed.

import { hex, randomBytes } from "../platform/bytes.js";
import {
  HASH,
  ID,
  INTEGER,
  Shape,
  b64url,
  b64urlDecode,
  binary,
  choice,
  digits,
  grouped,
  paeHash,
  readDocument,
  sha256,
  text,
  writeDocument,
} from "../protocol/encoding.js";
import { Approval } from "../protocol/request.js";
import { signedByPasskey } from "./adminkeys.js";

export const ACCEPT_BACKUP = "accept-backup";
const MAX_BODY_LENGTH_BYTES = 2048;
const LIFETIME_SECONDS = 7 * 86400 - 600; // the service's clock may be a little behind ours
const CODE_DIGITS = 12;
const RECORD = text(128);
const ANSWER = new Shape({
  authenticator_data: binary(1024, 37),
  client_data: binary(1024, 1),
  signature: binary(1024, 1),
});
/** @type {Readonly<Record<string, Record<string, any>>>} what each operation says beside its reason */
const FIELDS = Object.freeze({
  freeze: {},
  unfreeze: {},
  "close-deposit": {},
  "close-account": {},
  "move-account": { from: RECORD, to: RECORD },
  "set-address": { address: text(254, 3) },
  "add-admin": {
    name: text(80, 1),
    role: choice("support", "auditor", "operator", "owner"),
    credential: binary(1023, 1),
    public_key: binary(1024, 1),
  },
  "remove-admin": {},
  "rotate-key": {},
  "change-wait": { seconds: INTEGER },
  [ACCEPT_BACKUP]: { size: INTEGER, root: HASH, entries: INTEGER },
});
const CONTENT = { operation: text(64, 1), target: text(128, 1), body: binary(MAX_BODY_LENGTH_BYTES, 1), expires: INTEGER };
const UNSIGNED = new Shape({ format: choice("escrow/v1/proposal"), ...CONTENT });
const SIGNED = new Shape({
  format: choice("escrow/v1/approval"),
  ...CONTENT,
  credential: text(128, 1),
  signature: binary(2048, 1),
});
const MAX_FILE_LENGTH_BYTES = 8192;

/** @typedef {{ operation: string, target: string, body: Uint8Array, expires: number }} Proposal */
/** @typedef {{ admin: string, host: string }} Signer who signs, and under which name the passkey is kept */

/** @param {string} operation */
function shapeOf(operation) {
  return new Shape({ nonce: ID, reason: text(200, 1), ...FIELDS[operation] });
}

/**
 * Write a fresh proposal.
 * @param {string} operation @param {string} target @param {Record<string, any>} contents with a reason
 * @returns {Proposal}
 */
export function propose(operation, target, contents) {
  const body = writeDocument({ nonce: hex(randomBytes(16)), ...contents }, shapeOf(operation));
  return { operation, target, body, expires: Math.floor(Date.now() / 1000) + LIFETIME_SECONDS };
}

/**
 * Read what a proposal says; throws Malformed.
 * @param {Proposal} proposal @returns {Record<string, any>}
 */
export function contentsOf({ operation, body }) {
  return readDocument(body, shapeOf(operation), "approval", MAX_BODY_LENGTH_BYTES);
}

/**
 * Return the 12 digits that name a new admin's passkey, for two people to compare.
 * @param {Uint8Array} credential @param {Uint8Array} key
 */
export function passkeyCode(credential, key) {
  return grouped(digits(paeHash("escrow/v1/admin/passkey", credential, key), CODE_DIGITS));
}

/**
 * Have the passkey sign a proposal; returns its answer in the one serialisation.
 * @param {string} host @param {Proposal} proposal
 */
async function signatureOf(host, { operation, target, body, expires }) {
  const approval = new Approval({ operation, target, bodySha256: sha256(body), expires });
  const answer = await signedByPasskey(host, approval.challenge());
  return writeDocument(
    {
      authenticator_data: b64urlDecode(answer.authenticator_data),
      client_data: b64urlDecode(answer.client_data),
      signature: b64urlDecode(answer.signature),
    },
    ANSWER,
  );
}

/**
 * Have the passkey sign a proposal, and send it; returns the proposal's identifier.
 * @param {import("./api.js").Api} api @param {Signer} signer @param {Proposal} proposal
 * @returns {Promise<string>}
 */
export async function approve(api, { admin, host }, proposal) {
  const signature = b64url(await signatureOf(host, proposal));
  const body = b64url(proposal.body);
  const sent = await api.post("approvals", { ...proposal, body, credential: `passkey:${admin}`, signature });
  return sent.proposal;
}

/**
 * Read a proposal from a file, signed by somebody or not; throws Malformed.
 * @param {Uint8Array} bytes @returns {Proposal}
 */
export function readFile(bytes) {
  /** @param {Shape} shape */
  const read = (shape) => readDocument(bytes, shape, "approval", MAX_FILE_LENGTH_BYTES);
  let found;
  try {
    found = read(UNSIGNED);
  } catch {
    found = read(SIGNED);
  }
  const { operation, target, body, expires } = found;
  return { operation, target, body, expires };
}

/**
 * Have the passkey sign a proposal, as a file for the host.
 * @param {Signer} signer @param {Proposal} proposal
 */
export async function signedFile({ admin, host }, proposal) {
  const signature = await signatureOf(host, proposal);
  const credential = `passkey:${admin}`;
  return writeDocument({ format: "escrow/v1/approval", ...proposal, credential, signature }, SIGNED);
}
