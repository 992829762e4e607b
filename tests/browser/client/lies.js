/** What a service that cannot be trusted may answer. Each lie changes a document in place. */

import { decodeUtf8, randomBytes, utf8 } from "../../../escrow/browser/platform/bytes.js";
import { Ed25519PrivateKey } from "../../../escrow/browser/platform/ed25519.js";
import { b64url, b64urlDecode } from "../../../escrow/browser/protocol/encoding.js";
import * as envelope from "../../../escrow/browser/protocol/envelope.js";
import { Manifest } from "../../../escrow/browser/protocol/manifest.js";
import * as note from "../../../escrow/browser/protocol/note.js";
import { InvitationLink } from "../../../escrow/browser/protocol/qr.js";
import { PrivateKey } from "../../../escrow/browser/protocol/seal.js";

/** @typedef {import("../../../escrow/browser/client/http.js").Client} Client */
/** @typedef {(path: string, document: any, method: string) => void | Promise<void>} Lie */

const ownKey = await Ed25519PrivateKey.fromPrivateBytes(randomBytes(32));
/** A ledger key of somebody else's. @param {string} name */
const otherLedger = (name) => new note.Signer({ name, key: ownKey }).verifier.vkey;

/** Describe the same deposit with one thing changed, signed by nobody who may. @param {any} document @param {object} change */
async function describeAnew(document, change) {
  const { ...fields } = Manifest.parse(b64urlDecode(document.manifest));
  const altered = new Manifest({ ...fields, ownerKey: ownKey.publicKey, ...change });
  document.manifest = b64url(altered.data);
  document.manifest_signature = b64url(await altered.sign(ownKey));
}

/** Open what an invitation's link with its digits opens. @param {any} document @param {string} given */
async function opened(document, given) {
  const link = InvitationLink.parse(given);
  const identity = await link.password().identity(link.custody);
  return { identity, data: await envelope.openWith(b64urlDecode(document.invitation), identity) };
}

/** @type {Record<string, (client: Client, links: string[]) => Lie>} */
export const LIES = {
  /** What is sealed to it could be read by whoever swapped it. */
  other_provider_key: () => async (path, document) => {
    if (path === "keys") document.provider_key = b64url(await PrivateKey.generate().publicKey());
  },
  /** Nothing says which key is the provider's. */
  no_key_entries: () => (path, document) => {
    if (path === "keys") document.changes = [];
  },
  other_ledger_key: () => (path, document) => {
    if (path === "keys") document.ledger_vkey = otherLedger(document.ledger_vkey.split("+")[0]);
  },
  /** The deposit that is stored is not the one that was sent. */
  stored_another: () => async (_, document, method) => {
    if (method === "PUT") await describeAnew(document, { waitingSeconds: 90_000 });
  },
  /** A shorter wait than the one that the piece names. */
  other_description: () => async (path, document) => {
    if (/^custodies\/[0-9a-f]{32}$/.test(path)) await describeAnew(document, { waitingSeconds: 90_000 });
  },
  /** The web tier says that the provider holds its piece; the ledger does not. */
  held_without_entry: () => (path, document) => {
    if (/^deposits\/[0-9a-f]{32}$/.test(path)) {
      for (const line of document.custodies) line.state = "held";
    }
    if (path.includes("/events")) document.events = document.events.slice(0, 1);
  },
  rejected: () => (_, document) => {
    for (const line of document.custodies ?? []) if (line.role === "provider") line.state = "rejected";
  },
  garbled_invitation: () => (path, document) => {
    if (path.endsWith("/invitation")) {
      const sealed = b64urlDecode(document.invitation);
      sealed[sealed.length - 1] ^= 1;
      document.invitation = b64url(sealed);
    }
  },
  /** Whoever made the invitation has put another contact's piece into it. */
  invitation_of_another: (client, [mine, other]) => async (path, document) => {
    if (!path.endsWith("/invitation")) return;
    const link = InvitationLink.parse(other);
    const body = { token: b64url(link.password().fetchToken(link.custody)) };
    const theirs = await fetch(`${client.url}/api/v1/custodies/${link.custody}/invitation`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const { data } = await opened(await theirs.json(), other);
    const { identity } = await opened(document, mine);
    document.invitation = b64url(await envelope.sealTo(data, identity));
  },
  /** … or a description with another wait, which nobody's piece names. */
  invitation_with_other_description: (_, [mine]) => async (path, document) => {
    if (!path.endsWith("/invitation")) return;
    const { identity, data } = await opened(document, mine);
    const content = JSON.parse(decodeUtf8(data));
    await describeAnew(content, { waitingSeconds: 90_000 });
    document.invitation = b64url(await envelope.sealTo(utf8(JSON.stringify(content)), identity));
  },
};
