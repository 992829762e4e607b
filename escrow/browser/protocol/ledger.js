/**
 * Ledger events, their MACs, leaves and proofs.
 *
 * An event is a JSON document in the one serialisation: `id`, `type`, `account`, `deposit`, `custody`,
 * `recovery`, `at`, `data`. Its author inserts it with `at` 0 and a MAC over
 * `PAE("escrow/v1/event", event_bytes)`; the sequencer sets `at` and index, draws a 32-byte nonce and
 * keeps a MAC over `PAE("escrow/v1/sequenced", index, author, nonce, event_bytes)`. The public leaf is
 * `SHA-256(PAE("escrow/v1/ledger", nonce, event_bytes))`: 32 bytes that say nothing to who lacks the
 * nonce. A proof is handed out as a C2SP tlog-proof. Source: PROTOCOL.md section 12.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { encodeBase64 } from "../platform/base64.js";
import { equal } from "../platform/bytes.js";
import {
  HASH,
  ID,
  INTEGER,
  ListOf,
  SIGNATURE,
  Shape,
  binary,
  choice,
  dumpJson,
  exactly,
  loadJson,
  nullable,
  pae,
  paeHash,
  readDocument,
  text,
  writeDocument,
} from "./encoding.js";
import { Malformed, ProtocolError } from "./errors.js";
import * as note from "./note.js";
import { PUBLIC_KEY_LENGTH_BYTES } from "./seal.js";
import * as tree from "./tree.js";

export const MAX_EVENT_LENGTH_BYTES = 8192;
export const MAX_DATA_LENGTH_BYTES = 4096;
export const NONCE_LENGTH_BYTES = 32;
export const AUTHORS = Object.freeze(["web", "custodian"]);

const REASON = text(200);
const PARTY = choice("customer", "contact", "provider");
const ROLE = choice("support", "auditor", "operator", "owner");
const EMPTY = new Shape();
const ADDRESSES = new Shape({ addresses: new ListOf(HASH, 16) });

/** @type {Readonly<Record<string, Shape>>} */
export const DATA = Object.freeze({
  "account created": ADDRESSES,
  "account moved": new Shape({ from: text(128), to: text(128), approval: HASH }),
  "account closing": new Shape({ until: INTEGER, reason: REASON }),
  "address changed": ADDRESSES,
  "totp changed": new Shape({ reason: choice("enrolled", "changed", "recovered") }),
  "deposit created": new Shape({ manifest_hash: HASH }),
  "deposit active": EMPTY,
  "deposit complete": EMPTY,
  "deposit closing": new Shape({ until: INTEGER, reason: REASON }),
  "deposit reopened": new Shape({ by: PARTY }),
  "deposit destroyed": new Shape({ reason: REASON }),
  "custody invited": new Shape({ until: INTEGER }),
  "custody fetched": EMPTY,
  "custody paused": EMPTY,
  "custody resumed": new Shape({ until: INTEGER }),
  "custody withdrawn": EMPTY,
  "custody held": EMPTY,
  "custody rejected": new Shape({ reason: REASON }),
  "custody declined": EMPTY,
  "custody lost": new Shape({ by: PARTY }),
  "custody attested": new Shape({
    means: choice("share", "check"),
    checkpoint_hash: HASH,
    time: INTEGER,
    signature: SIGNATURE,
  }),
  "custody moved": new Shape({
    previous: HASH,
    commitment: HASH,
    body_sha256: HASH,
    time: INTEGER,
    signature: SIGNATURE,
  }),
  "recovery opened": new Shape({
    proof: choice("totp", "kit", "contacts", "totp+kit", "totp+contacts"),
    wait_seconds: INTEGER,
    account: ID,
  }),
  "recovery noticed": new Shape({ wait_seconds: INTEGER, refused: new ListOf(HASH, 64) }),
  "recovery ready": EMPTY,
  "recovery vetoed": new Shape({ by: choice("customer", "contact") }),
  "recovery frozen": new Shape({ reason: REASON, approval: nullable(HASH) }),
  "recovery unfrozen": new Shape({ approval: HASH }),
  "recovery begun": new Shape({ session: ID, public_key: exactly(PUBLIC_KEY_LENGTH_BYTES) }),
  "recovery completed": new Shape({ time: INTEGER, signature: SIGNATURE }),
  "recovery expired": EMPTY,
  "release intended": new Shape({ session: ID, public_key_sha256: HASH }),
  "release made": new Shape({
    session: ID,
    public_key_sha256: HASH,
    sealed_sha256: HASH,
    signature: nullable(SIGNATURE),
    time: nullable(INTEGER),
  }),
  "admin approved": new Shape({
    operation: text(64),
    body_sha256: HASH,
    credential: text(128),
    signature: binary(2048),
  }),
  "admin executed": new Shape({ operation: text(64), body_sha256: HASH }),
  "admin rejected": new Shape({ credential: text(128), body_sha256: HASH }),
  "admin exported": new Shape({ what: REASON, body_sha256: HASH }),
  "admin added": new Shape({
    admin: ID,
    name: text(80),
    role: ROLE,
    credential: binary(1023, 1),
    public_key: binary(1024, 1),
    approval: nullable(HASH),
  }),
  "admin removed": new Shape({ admin: ID, approval: HASH }),
  "admin resent": new Shape({ admin: ID, what: text(64) }),
  "wait changed": new Shape({ seconds: INTEGER, approval: HASH }),
  "site published": new Shape({ files_sha256: HASH }),
  "key changed": new Shape({
    use: choice("ledger", "provider"),
    old: nullable(binary(2048)),
    new: binary(2048),
  }),
  "backup accepted": new Shape({ size: INTEGER, root: HASH, reason: REASON }),
  tick: EMPTY,
});

/** @typedef {"account" | "deposit" | "custody" | "recovery"} Subject */
/** @type {readonly Subject[]} */
const SUBJECTS = ["account", "deposit", "custody", "recovery"];
/** @type {Readonly<Record<string, readonly Subject[]>>} */
const NEEDED = {
  account: ["account"],
  address: ["account"],
  totp: ["account"],
  deposit: ["account", "deposit"],
  custody: ["account", "deposit", "custody"],
  recovery: ["account", "deposit", "recovery"],
  release: ["account", "deposit", "custody", "recovery"],
};
const ENVELOPE = new Shape({ type: choice(...Object.keys(DATA)) });

/** @param {string} type */
function shapeOf(type) {
  return new Shape({
    id: ID,
    type: choice(type),
    account: nullable(ID),
    deposit: nullable(ID),
    custody: nullable(ID),
    recovery: nullable(ID),
    at: INTEGER,
    data: DATA[type],
  });
}

/** One entry of the ledger. `at` is in Unix seconds, 0 until it is sequenced. */
export class Event {
  #data;

  /**
   * @param {{
   *   id: string,
   *   type: string,
   *   data: Record<string, any>,
   *   account?: string | null,
   *   deposit?: string | null,
   *   custody?: string | null,
   *   recovery?: string | null,
   *   at?: number,
   * }} fields
   */
  constructor(fields) {
    this.id = fields.id;
    this.type = fields.type;
    this.#data = fields.data;
    this.account = fields.account ?? null;
    this.deposit = fields.deposit ?? null;
    this.custody = fields.custody ?? null;
    this.recovery = fields.recovery ?? null;
    this.at = fields.at ?? 0;
    Object.freeze(this);
  }

  /** Read an event from its bytes; throws Malformed("event"). @param {Uint8Array} raw */
  static parse(raw) {
    const shape = shapeOf(typeOf(raw));
    const found = readDocument(raw, shape, "event", MAX_EVENT_LENGTH_BYTES);
    const event = new Event(/** @type {any} */ (found));
    event.check();
    return event;
  }

  /** What this type of event says, under the names of its document. */
  get data() {
    return this.#data;
  }

  /** The one serialisation of the event; throws Malformed for an unknown type. */
  get bytes() {
    if (!Object.hasOwn(DATA, this.type)) throw new Malformed("event", "type", "no such type");
    return writeDocument({ ...this, data: this.#data }, shapeOf(this.type));
  }

  /** Check subjects and size; throws Malformed("event"). */
  check() {
    const [needed, optional] = this.#subjects();
    for (const name of SUBJECTS) {
      const given = this[name] !== null;
      if (given !== needed.includes(name) && !optional.includes(name)) {
        throw new Malformed("event", name, given ? "not allowed here" : "missing");
      }
    }
    if (dumpJson(DATA[this.type].write(this.#data)).length > MAX_DATA_LENGTH_BYTES) {
      throw new Malformed("event", "data", `over ${MAX_DATA_LENGTH_BYTES} bytes`);
    }
  }

  /** @returns {[readonly Subject[], readonly Subject[]]} which there must be, which there may be */
  #subjects() {
    if (this.type === "recovery vetoed" && this.#data.by === "contact") return [SUBJECTS, []];
    const needed = NEEDED[this.type.split(" ")[0]];
    return [needed ?? [], this.type.startsWith("admin ") ? SUBJECTS : []];
  }
}

/** @param {Uint8Array} raw @returns {string} */
function typeOf(raw) {
  const value = loadJson(raw, "event", MAX_EVENT_LENGTH_BYTES);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Malformed("event", "", "an object is needed");
  }
  if (!Object.hasOwn(value, "type")) throw new Malformed("event", "type", "the field is missing");
  return ENVELOPE.read({ type: value.type }, "event").type;
}

/** Authenticate an event that is not yet sequenced; returns 32 bytes. @param {Uint8Array} key @param {Uint8Array} eventBytes */
export function eventMac(key, eventBytes) {
  return hmac(sha256, key, pae("escrow/v1/event", eventBytes));
}

/**
 * Authenticate a sequenced entry with the custodian's key; returns 32 bytes.
 * @param {Uint8Array} key @param {number} index @param {string} author @param {Uint8Array} nonce
 * @param {Uint8Array} eventBytes
 */
export function sequencedMac(key, index, author, nonce, eventBytes) {
  return hmac(sha256, key, pae("escrow/v1/sequenced", index, author, nonce, eventBytes));
}

/** Compare two MACs in constant time. @param {Uint8Array} a @param {Uint8Array} b */
export function sameMac(a, b) {
  return equal(a, b);
}

/** Return the public 32 bytes of an entry. @param {Uint8Array} nonce @param {Uint8Array} eventBytes */
export function leafData(nonce, eventBytes) {
  return paeHash("escrow/v1/ledger", nonce, eventBytes);
}

const PROOF_HEADER = "c2sp.org/tlog-proof@v1";
const INDEX = /^index (0|[1-9][0-9]{0,15})$/;

function noProof() {
  return new ProtocolError("This is not a proof of inclusion.", { code: "malformed_note" });
}

/** That an entry stands in the ledger: index, sibling hashes, signed checkpoint (a note). */
export class Proof {
  /** @param {{ index: number, siblings: readonly Uint8Array[], checkpoint: string }} fields */
  constructor({ index, siblings, checkpoint }) {
    this.index = index;
    this.siblings = Object.freeze([...siblings]);
    this.checkpoint = checkpoint;
    Object.freeze(this);
  }

  /** The proof as C2SP tlog-proof. */
  get text() {
    const hashes = this.siblings.map((sibling) => encodeBase64(sibling, false));
    return [PROOF_HEADER, `index ${this.index}`, ...hashes, "", this.checkpoint].join("\n");
  }

  /** Read a tlog-proof; throws ProtocolError("malformed_note"). @param {string} proof */
  static parse(proof) {
    const separator = proof.indexOf("\n\n");
    const lines = (separator < 0 ? proof : proof.slice(0, separator)).split("\n");
    if (lines[1]?.startsWith("extra ")) {
      note.base64Decode(lines.splice(1, 1)[0].slice("extra ".length));
    }
    const index = INDEX.exec(lines[1] ?? "");
    if (separator < 0 || lines[0] !== PROOF_HEADER || index === null) throw noProof();
    const siblings = lines.slice(2).map(note.base64Decode);
    if (siblings.length > 63 || siblings.some((each) => each.length !== 32)) throw noProof();
    if (!Number.isSafeInteger(Number(index[1]))) throw noProof();
    return new Proof({ index: Number(index[1]), siblings, checkpoint: proof.slice(separator + 2) });
  }

  /**
   * Check that leaf data (32 bytes) stands in the ledger whose key this is.
   *
   * Returns the checkpoint it stands in. Throws ProtocolError (malformed_note, unverified_note,
   * wrong_origin, wrong_proof) or BadSignature.
   * @param {Uint8Array} leaf @param {note.Verifier} verifier
   */
  async verify(leaf, verifier) {
    const checkpoint = await note.Checkpoint.verify(this.checkpoint, verifier);
    const { size, root } = checkpoint;
    tree.verifyInclusion(tree.leafHash(leaf), this.index, size, this.siblings, root);
    return checkpoint;
  }
}

/**
 * Check that a newer checkpoint continues an older one of the same ledger.
 *
 * The empty ledger is continued by any. Throws ProtocolError: wrong_origin, wrong_proof.
 * @param {note.Checkpoint} before @param {note.Checkpoint} after @param {readonly Uint8Array[]} proof
 */
export function checkConsistent(before, after, proof) {
  if (before.origin !== after.origin) {
    throw new ProtocolError("The checkpoints are of two ledgers.", { code: "wrong_origin" });
  }
  if (before.size === 0 && equal(before.root, tree.EMPTY_ROOT) && !proof.length) return;
  tree.verifyConsistency(before.size, after.size, proof, before.root, after.root);
}
