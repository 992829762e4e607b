/**
 * The manifest: the owner-signed public description of a deposit. It never changes.
 *
 * A JSON document in the one serialisation, at most 16 KiB, signed with the owner key, which comes
 * from `R`; every share carries its hash. Who holds a share therefore refuses any other manifest, and
 * who combines shares can check it completely. Source: PROTOCOL.md section 6.
 *
 *     manifest_hash = SHA-256(PAE("escrow/v1/manifest", bytes))
 *     signature     = Ed25519(owner key, PAE("escrow/v1/manifest/signed", bytes))
 *     manifest code = 24 digits of manifest_hash
 */

import { equal, hex, wipe } from "../platform/bytes.js";
import { attributes, fields } from "../platform/names.js";
import {
  BOOLEAN,
  HASH,
  ID,
  INTEGER,
  KEY,
  ListOf,
  Shape,
  choice,
  digits,
  nullable,
  pae,
  paeHash,
  readDocument,
  sha256,
  text,
  writeDocument,
} from "./encoding.js";
import { Malformed, Mismatch, ProtocolError } from "./errors.js";
import * as keys from "./keys.js";
import * as note from "./note.js";
import * as slip39 from "./slip39.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */

export const MAX_LENGTH_BYTES = 16384;
export const MIN_WAITING_SECONDS = 86400;
export const CODE_DIGITS = 24;
export const ROLES = Object.freeze(["customer", "contact", "provider"]);
const WHAT = "manifest";
const SHAPE = new Shape({
  format: choice("escrow/v1/manifest"),
  kind: choice("real", "drill"),
  deposit: ID,
  created_at: INTEGER,
  label: text(80, 1),
  replaces: nullable(ID),
  contacts: new Shape({ needed: INTEGER, count: INTEGER }),
  contacts_replace_totp: BOOLEAN,
  waiting_seconds: INTEGER,
  slip39_id: INTEGER,
  ledger_vkey: text(256),
  provider_key_sha256: HASH,
  custodies: new ListOf(
    new Shape({
      custody: ID,
      role: choice(...ROLES),
      group: INTEGER,
      member: INTEGER,
      contact_commitment: nullable(HASH),
      attest_key: KEY,
      release_key: KEY,
    }),
    slip39.MAX_CONTACTS + 2,
  ),
  envelope_sha256: HASH,
  owner_key: KEY,
});

/**
 * @typedef {object} CustodyFields
 * @property {string} custody
 * @property {string} role
 * @property {number} group
 * @property {number} member
 * @property {Uint8Array | null} contactCommitment
 * @property {Uint8Array} attestKey
 * @property {Uint8Array} releaseKey
 */

/** One custodian's line: who, which SLIP-39 share, which public keys (32 bytes). */
export class Custody {
  /** @param {CustodyFields} fields */
  constructor(fields) {
    this.custody = fields.custody;
    this.role = fields.role;
    this.group = fields.group;
    this.member = fields.member;
    this.contactCommitment = fields.contactCommitment;
    this.attestKey = fields.attestKey;
    this.releaseKey = fields.releaseKey;
    Object.freeze(this);
  }

  /**
   * Compute the line of a share: both public keys come from its value.
   * @param {slip39.Share} share @param {string} deposit @param {string} custody @param {string} role
   * @param {Uint8Array | null} [contactCommitment]
   */
  static async ofShare(share, deposit, custody, role, contactCommitment = null) {
    const [attestKey, releaseKey] = await sharePublicKeys(share, deposit, custody);
    const { groupIndex: group, memberIndex: member } = share;
    return new Custody({ custody, role, group, member, contactCommitment, attestKey, releaseKey });
  }
}

/**
 * @typedef {object} ManifestFields
 * @property {string} kind
 * @property {string} deposit
 * @property {number} createdAt
 * @property {string} label
 * @property {string | null} replaces
 * @property {number} contactsNeeded
 * @property {number} contactsCount
 * @property {boolean} contactsReplaceTotp
 * @property {number} waitingSeconds
 * @property {number} slip39Id
 * @property {string} ledgerVkey
 * @property {Uint8Array} providerKeySha256
 * @property {readonly Custody[]} custodies
 * @property {Uint8Array} envelopeSha256
 * @property {Uint8Array} ownerKey
 */

/** A deposit's public description; its bytes (`data`) are what is stored, hashed and signed. */
export class Manifest {
  /** @type {Uint8Array | undefined} */
  #data;

  /** @param {ManifestFields} fields */
  constructor(fields) {
    this.kind = fields.kind;
    this.deposit = fields.deposit;
    this.createdAt = fields.createdAt;
    this.label = fields.label;
    this.replaces = fields.replaces;
    this.contactsNeeded = fields.contactsNeeded;
    this.contactsCount = fields.contactsCount;
    this.contactsReplaceTotp = fields.contactsReplaceTotp;
    this.waitingSeconds = fields.waitingSeconds;
    this.slip39Id = fields.slip39Id;
    this.ledgerVkey = fields.ledgerVkey;
    this.providerKeySha256 = fields.providerKeySha256;
    this.custodies = Object.freeze([...fields.custodies]);
    this.envelopeSha256 = fields.envelopeSha256;
    this.ownerKey = fields.ownerKey;
    Object.freeze(this);
  }

  /** Read a manifest from its bytes; throws Malformed("manifest"). @param {Uint8Array} data */
  static parse(data) {
    const { format, contacts, custodies, ...found } = readDocument(
      data,
      SHAPE,
      WHAT,
      MAX_LENGTH_BYTES,
    );
    const manifest = new Manifest({
      ...attributes(found),
      contactsNeeded: contacts.needed,
      contactsCount: contacts.count,
      custodies: custodies.map((/** @type {any} */ line) => new Custody(attributes(line))),
    });
    manifest.check();
    return manifest;
  }

  /** The one serialisation of the manifest. */
  get data() {
    this.#data ??= writeDocument(
      {
        ...fields(this),
        format: "escrow/v1/manifest",
        contacts: { needed: this.contactsNeeded, count: this.contactsCount },
        custodies: this.custodies.map(fields),
      },
      SHAPE,
    );
    return this.#data.slice();
  }

  /** Check what the fields say together; throws Malformed("manifest"). */
  check() {
    /** @type {[string, boolean][]} */
    const rules = [
      ["contacts", !slip39.isPolicy(this.contactsNeeded, this.contactsCount)],
      ["waiting_seconds", this.kind === "real" && this.waitingSeconds < MIN_WAITING_SECONDS],
      ["contacts_replace_totp", this.contactsReplaceTotp && !this.contactsCount],
      ["replaces", this.replaces === this.deposit],
      ["slip39_id", this.slip39Id > 0x7fff],
      ["custodies", !this.#custodiesFit()],
    ];
    for (const [field, wrong] of rules) {
      if (wrong) throw new Malformed(WHAT, field, "not allowed together with the rest");
    }
    try {
      note.Verifier.parse(this.ledgerVkey);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new Malformed(WHAT, "ledger_vkey", "a verifier key is needed");
    }
  }

  #custodiesFit() {
    const contacts = Array.from({ length: this.contactsCount }, (_, i) => `contact 1 ${i}`);
    const provider = `provider ${this.contactsCount ? 2 : 1} 0`;
    const expected = ["customer 0 0", ...contacts, provider];
    const lines = this.custodies;
    const publicKeys = new Set(lines.flatMap((line) => [hex(line.attestKey), hex(line.releaseKey)]));
    return (
      String(lines.map((line) => `${line.role} ${line.group} ${line.member}`)) === String(expected) &&
      new Set(lines.map((line) => line.custody)).size === lines.length &&
      publicKeys.size === 2 * lines.length &&
      lines.every((line) => (line.contactCommitment === null) === (line.role !== "contact"))
    );
  }

  /** The 32-byte manifest hash. */
  get hash() {
    return manifestHash(this.data);
  }

  /** Return the manifest code: 24 digits, for people. */
  code() {
    return digits(this.hash, CODE_DIGITS);
  }

  /** Sign with the owner key; returns 64 bytes. @param {Ed25519PrivateKey} ownerKey */
  sign(ownerKey) {
    return ownerKey.sign(pae("escrow/v1/manifest/signed", this.data));
  }

  /** Check the owner's signature; throws BadSignature. @param {Uint8Array} signature */
  verify(signature) {
    return keys.verify(this.ownerKey, signature, pae("escrow/v1/manifest/signed", this.data));
  }

  /** Return the line of a custody; throws Mismatch("wrong_custody"). @param {string} custody */
  custody(custody) {
    const line = this.custodies.find((each) => each.custody === custody);
    if (line) return line;
    throw new Mismatch("This custody is not of this deposit.", { code: "wrong_custody" });
  }

  /** Return the lines of one role, in member order. @param {string} role */
  ofRole(role) {
    return this.custodies.filter((line) => line.role === role);
  }

  /**
   * Check that a share is the one this manifest describes for a custody.
   *
   * Its header and both keys recomputed from its value must equal the manifest's: this names a
   * custodian who hands over a false share. Throws Mismatch("wrong_share").
   * @param {slip39.Share} share @param {string} custody
   */
  async checkShare(share, custody) {
    const line = this.custody(custody);
    const needed = line.role === "contact" ? this.contactsNeeded : 1;
    const isHeader =
      share.identifier === this.slip39Id &&
      share.extendable &&
      share.iterationExponent === 0 &&
      share.groupIndex === line.group &&
      share.memberIndex === line.member &&
      share.groupThreshold === slip39.GROUPS_NEEDED &&
      share.groupCount === (this.contactsCount ? 3 : 2) &&
      share.memberThreshold === needed &&
      share.value.length === slip39.RECOVERY_KEY_LENGTH_BYTES;
    const [attestKey, releaseKey] = await sharePublicKeys(share, this.deposit, custody);
    const isKeys = equal(attestKey, line.attestKey) && equal(releaseKey, line.releaseKey);
    if (!isHeader || !isKeys) {
      throw new Mismatch("This share is not the one of this deposit.", { code: "wrong_share" });
    }
  }

  /**
   * Check everything that combining makes checkable, before the envelope is opened.
   *
   * Throws Mismatch (wrong_owner_key, wrong_envelope) or BadSignature.
   * @param {Uint8Array} recoveryKey @param {Uint8Array} envelope @param {Uint8Array} signature
   */
  async checkRecovered(recoveryKey, envelope, signature) {
    const owner = keys.publicBytes(await keys.ownerKey(recoveryKey, this.deposit));
    if (!equal(owner, this.ownerKey)) {
      const message = "The shares do not belong to this deposit's description.";
      throw new Mismatch(message, { code: "wrong_owner_key" });
    }
    await this.verify(signature);
    this.checkEnvelope(envelope);
  }

  /** Check that this is the deposit's envelope; throws Mismatch("wrong_envelope"). @param {Uint8Array} envelope */
  checkEnvelope(envelope) {
    if (!equal(sha256(envelope), this.envelopeSha256)) {
      const message = "The envelope is not the one of this deposit.";
      throw new Mismatch(message, { code: "wrong_envelope" });
    }
  }
}

/** Return the 32-byte hash of a manifest's bytes. @param {Uint8Array} data */
export function manifestHash(data) {
  return paeHash("escrow/v1/manifest", data);
}

/**
 * Compute [attest key, release key], 32 bytes each, of a share in a custody.
 * @param {slip39.Share} share @param {string} deposit @param {string} custody
 */
export async function sharePublicKeys(share, deposit, custody) {
  const seed = keys.checkSeed(share.value, deposit, custody);
  const attest = await keys.attestKey(seed, deposit, custody);
  wipe(seed);
  const release = await keys.releaseKey(share.value, deposit, custody);
  return [keys.publicBytes(attest), keys.publicBytes(release)];
}

/**
 * Commit to a contact's name and address with a 16-byte nonce; returns 32 bytes.
 * @param {Uint8Array} nonce @param {string} name @param {string} address
 */
export function contactCommitment(nonce, name, address) {
  return paeHash("escrow/v1/contact", nonce, name, address);
}
