/**
 * Making a deposit: split, describe, sign, seal. Nothing is sent here.
 *
 * The recovery key exists only inside `make`, and so does every piece but the customer's own; all are
 * overwritten before it returns. Source: PROTOCOL.md sections 3 to 7.
 */

import { equal, hex, randomBytes, wipe } from "../platform/bytes.js";
import { ID_LENGTH_BYTES, sha256 } from "../protocol/encoding.js";
import * as envelopes from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import * as invitations from "../protocol/invitation.js";
import * as keys from "../protocol/keys.js";
import { Contact, Kit, NONCE_LENGTH_BYTES } from "../protocol/kit.js";
import { Custody, Manifest } from "../protocol/manifest.js";
import * as seal from "../protocol/seal.js";
import { Payload } from "../protocol/share.js";
import * as slip39 from "../protocol/slip39.js";
import { ClientError } from "./errors.js";
import { Invited, Made } from "./made.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("./planning.js").Plan} Plan */
/** @typedef {{ ledgerVkey: string, providerKey: Uint8Array }} ServiceKeys proven by the ledger */

const identifier = () => hex(randomBytes(ID_LENGTH_BYTES));

/**
 * Make a deposit from a checked plan; `now` is in Unix seconds. The plan's secret is overwritten.
 *
 * `progress` is told how many of the slow steps (one a contact, a second each) are done.
 * Throws ProtocolError, or ClientError("pieces_do_not_fit").
 * @param {Plan} plan @param {ServiceKeys} service @param {number} now
 * @param {(done: number, all: number) => void} [progress]
 */
export async function make(plan, service, now, progress = () => {}) {
  const recoveryKey = randomBytes(slip39.RECOVERY_KEY_LENGTH_BYTES);
  /** @type {slip39.Share[]} */
  let shares = [];
  try {
    shares = await slip39.split(recoveryKey, plan.needed, plan.contacts.length);
    const described = await describe(plan, service, now, recoveryKey, shares);
    return await handOut(plan, service, shares, described, progress);
  } finally {
    wipe(recoveryKey, plan.secret);
    for (const share of shares) share.wipe();
  }
}

/**
 * @typedef {object} Described
 * @property {Manifest} manifest
 * @property {Uint8Array} signature
 * @property {Uint8Array} envelope
 * @property {readonly Contact[]} contacts
 */

/**
 * Seal the secret, describe the deposit, prove every way back, then sign.
 * @param {Plan} plan @param {ServiceKeys} service @param {number} now
 * @param {Uint8Array} recoveryKey @param {readonly slip39.Share[]} shares
 * @returns {Promise<Described>}
 */
async function describe(plan, service, now, recoveryKey, shares) {
  const deposit = identifier();
  const contacts = plan.contacts.map(
    ({ name, address }) => new Contact({ name, address, nonce: randomBytes(NONCE_LENGTH_BYTES) }),
  );
  const envelope = await envelopes.seal(plan.secret, recoveryKey);
  const owner = await keys.ownerKey(recoveryKey, deposit);
  const manifest = new Manifest({
    kind: plan.kind ?? "real",
    deposit,
    createdAt: now,
    label: plan.label,
    replaces: plan.replaces,
    contactsNeeded: plan.needed,
    contactsCount: contacts.length,
    contactsReplaceTotp: plan.contactsReplaceTotp,
    waitingSeconds: plan.waitingSeconds,
    slip39Id: shares[0].identifier,
    ledgerVkey: service.ledgerVkey,
    providerKeySha256: sha256(service.providerKey),
    custodies: await linesOf(shares, contacts, deposit),
    envelopeSha256: sha256(envelope),
    ownerKey: keys.publicBytes(owner),
  });
  manifest.check();
  await prove(recoveryKey, shares, manifest);
  await proveEnvelope(plan.secret, recoveryKey, envelope);
  const signature = await manifest.sign(owner);
  owner.wipe();
  return { manifest, signature, envelope, contacts };
}

/** @param {readonly slip39.Share[]} shares @param {readonly Contact[]} contacts @param {string} deposit */
function linesOf(shares, contacts, deposit) {
  const last = shares.length - 1;
  const lines = shares.map((share, i) => {
    const role = i === 0 ? "customer" : i === last ? "provider" : "contact";
    const commitment = role === "contact" ? contacts[i - 1].commitment() : null;
    return Custody.ofShare(share, deposit, identifier(), role, commitment);
  });
  return Promise.all(lines);
}

/**
 * Bring the recovery key back, so that every set of custodians that should be enough is enough.
 *
 * Teams of contacts are the first `needed` of them, and that team with its last member exchanged for
 * each other contact. Two such teams share `needed − 1` pieces and give the same value, so all pieces
 * lie on one polynomial: what these teams can, any team can. Each is tried with the customer and
 * with the provider. Throws ClientError("pieces_do_not_fit"), or Mismatch("wrong_share").
 * @param {Uint8Array} recoveryKey @param {readonly slip39.Share[]} shares @param {Manifest} manifest
 */
export async function prove(recoveryKey, shares, manifest) {
  const [customer, provider] = [shares[0], shares[shares.length - 1]];
  const teams = teamsOf(shares.slice(1, -1), manifest.contactsNeeded);
  const sets = teams.flatMap((team) => [
    [customer, ...team],
    [...team, provider],
  ]);
  for (const set of [[customer, provider], ...sets]) {
    if (!(await brings(recoveryKey, set))) throw new ClientError("pieces_do_not_fit");
  }
  for (const [i, line] of manifest.custodies.entries()) {
    await manifest.checkShare(shares[i], line.custody);
  }
}

/** Tell whether a set of pieces, written as words and read again, gives the recovery key. @param {Uint8Array} recoveryKey @param {readonly slip39.Share[]} set */
async function brings(recoveryKey, set) {
  try {
    const found = await slip39.combine(set.map((share) => share.words()));
    const fits = equal(found, recoveryKey);
    wipe(found);
    return fits;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return false;
  }
}

/** @param {readonly slip39.Share[]} contacts @param {number} needed */
function teamsOf(contacts, needed) {
  if (!contacts.length) return [];
  const stay = contacts.slice(0, needed - 1);
  return contacts.slice(needed - 1).map((other) => [...stay, other]);
}

/** @param {Uint8Array} secret @param {Uint8Array} recoveryKey @param {Uint8Array} envelope */
async function proveEnvelope(secret, recoveryKey, envelope) {
  const found = await envelopes.open(envelope, recoveryKey);
  const fits = equal(found, secret);
  wipe(found);
  if (!fits) throw new ClientError("pieces_do_not_fit");
}

/**
 * Give each custodian its piece: kit, sealed share, invitations.
 * @param {Plan} plan @param {ServiceKeys} service @param {readonly slip39.Share[]} shares
 * @param {Described} described @param {(done: number, all: number) => void} progress
 */
async function handOut(plan, service, shares, described, progress) {
  const { manifest, signature, envelope, contacts } = described;
  const payloads = manifest.custodies.map(
    ({ custody, role }, i) =>
      new Payload({
        deposit: manifest.deposit,
        custody,
        role,
        words: shares[i].words(),
        manifestHash: manifest.hash,
      }),
  );
  const host = new URL(plan.url).host;
  const pieces = { manifest, manifestSignature: signature };
  const kit = new Kit({ payload: payloads[0], ...pieces, envelope, host, contacts });
  try {
    await readsBack(kit);
    const providerShare = await sealed(payloads[payloads.length - 1], service.providerKey);
    const invited = [];
    for (const [i, contact] of contacts.entries()) {
      progress(i, contacts.length);
      const invitation = { payload: payloads[i + 1], contact, ...pieces };
      invited.push(await invite(plan.url, new invitations.Invitation(invitation)));
    }
    progress(contacts.length, contacts.length);
    return new Made({ kit, providerShare, invited });
  } catch (error) {
    kit.wipe();
    throw error;
  } finally {
    for (const payload of payloads.slice(1)) payload.wipe();
  }
}

/** Read the kit's bytes again as a recovery will. @param {Kit} kit */
async function readsBack(kit) {
  const data = kit.data;
  try {
    (await Kit.parse(data)).wipe();
  } finally {
    wipe(data);
  }
}

/** @param {Payload} payload @param {Uint8Array} providerKey */
async function sealed(payload, providerKey) {
  const { deposit, custody, manifestHash, data } = payload;
  try {
    return await seal.seal(data, providerKey, new seal.Binding({ deposit, custody, manifestHash }));
  } finally {
    wipe(data);
  }
}

/** @param {string} url @param {invitations.Invitation} invitation */
async function invite(url, invitation) {
  const { custody } = invitation.payload;
  const password = invitations.Password.generate();
  const token = password.fetchToken(custody);
  const fetchSha256 = sha256(token);
  wipe(token);
  const made = await invitation.seal(password);
  return new Invited({ custody, contact: invitation.contact, sealed: made, fetchSha256, url, password });
}
