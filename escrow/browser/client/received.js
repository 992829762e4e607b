/**
 * What the service hands over during a recovery, checked before it is used.
 *
 * A sealed piece counts only with its entry in the ledger and its custodian's signature; what was
 * sealed in it must be the piece of the deposit's description, so a cheater is named. Source:
 * PROTOCOL.md sections 6, 8 and 10.
 */

import { equal, hex, randomBytes, wipe } from "../platform/bytes.js";
import { sha256 } from "../protocol/encoding.js";
import { NotOpened } from "../protocol/errors.js";
import * as releases from "../protocol/release.js";
import * as seal from "../protocol/seal.js";
import { Payload } from "../protocol/share.js";
import { bytes, integer, list, object, text } from "./answers.js";
import { Refused, checked } from "./errors.js";
import { openLedger } from "./ledgerkeys.js";
import { manifestOf } from "./piece.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./piece.js").Piece} Piece */
/** @typedef {import("../protocol/manifest.js").Custody} Custody */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */

/** Make a fresh identifier: 32 lower-case hex characters. */
export function newIdentifier() {
  return hex(randomBytes(16));
}

/** The deposit to be brought back. The manifest is pinned, or proven only after combining. */
export class Target {
  /**
   * @param {{
   *   manifest: Manifest,
   *   signature: Uint8Array,
   *   envelope: Uint8Array,
   *   custodies: ReadonlyMap<string, Document>,
   *   ledger: Ledger,
   * }} fields
   */
  constructor({ manifest, signature, envelope, custodies, ledger }) {
    this.manifest = manifest;
    this.signature = signature;
    this.envelope = envelope;
    this.custodies = custodies;
    this.ledger = ledger;
    Object.freeze(this);
  }

  /** The contacts who hold a piece: their lines of the manifest. */
  get helpers() {
    return this.manifest
      .ofRole("contact")
      .filter((line) => this.custodies.get(line.custody)?.state === "held");
  }

  /** The provider's line of the manifest. */
  get provider() {
    return this.manifest.ofRole("provider")[0];
  }
}

/** One collection: recovery, session, the key that pieces are sealed to, in memory only. */
export class Session {
  #key;

  /** @param {{ recovery: string, session: string, key: seal.PrivateKey, publicKey: Uint8Array }} fields */
  constructor({ recovery, session, key, publicKey }) {
    this.recovery = recovery;
    this.session = session;
    this.#key = key;
    this.publicKey = publicKey;
    Object.freeze(this);
  }

  /** Make a fresh key for a recovery. @param {string} recovery */
  static async generate(recovery) {
    const key = seal.PrivateKey.generate();
    return new Session({ recovery, session: newIdentifier(), key, publicKey: await key.publicKey() });
  }

  get key() {
    return this.#key;
  }

  get path() {
    return `recoveries/${this.recovery}/sessions/${this.session}`;
  }

  /** Overwrite the key: nothing that was sealed to it opens any more. */
  wipe() {
    this.#key.wipe();
  }
}

/**
 * Check a deposit's document against what this person has: her kit, or a hash kept on this device.
 *
 * Throws Refused: malformed_manifest, wrong_signature, wrong_manifest, wrong_envelope, and what
 * `openLedger` throws.
 * @param {Client} client @param {Memory} memory @param {string} deposit the one that was asked for
 * @param {Document} document
 * @param {{ piece?: Piece | null, pinned?: Uint8Array | null }} [known]
 */
export async function checkDocument(client, memory, deposit, document, { piece, pinned } = {}) {
  const { manifest, signature } = await manifestOf(document);
  if (manifest.deposit !== deposit) throw new Refused("wrong_manifest");
  for (const hash of [piece?.manifest.hash, pinned]) {
    if (hash && !equal(hash, manifest.hash)) throw new Refused("wrong_manifest");
  }
  const [envelope, lines] = await checked(() => {
    const found = document.envelope === null ? new Uint8Array(0) : bytes(document.envelope);
    manifest.checkEnvelope(found);
    return /** @type {const} */ ([found, list(document.custodies)]);
  });
  const { ledger } = await openLedger(client, memory, manifest.ledgerVkey, piece?.checkpoint);
  const custodies = new Map(lines.map((line) => [String(line.custody), line]));
  return new Target({ manifest, signature, envelope, custodies, ledger });
}

/**
 * Check a release completely, then open it; returns the payload, which the caller overwrites.
 *
 * Every refusal names who sent it. Throws Refused: release_not_in_ledger, wrong_signature, not_opened,
 * wrong_share, … and what `Ledger.event` throws.
 * @param {Target} target @param {Session} session @param {Custody} line @param {Document} found
 */
export async function opened(target, session, line, found) {
  const { manifest } = target;
  const { custody } = line;
  const sealed = await checked(() => bytes(found.sealed), Refused, { custody });
  await checkEntry(target, session, line, found, sealed);
  const { recovery, session: name } = session;
  const { deposit, hash: manifestHash } = manifest;
  const binding = new seal.Binding({ deposit, custody, manifestHash, recovery, session: name });
  return checked(
    async () => {
      const data = await seal.open(sealed, session.key, binding);
      const payload = payloadOf(data);
      try {
        if (payload.custody !== custody) {
          throw new NotOpened("another custody's piece", { code: "wrong_custody" });
        }
        await payload.checkWith(manifest);
        return payload;
      } catch (error) {
        payload.wipe();
        throw error;
      }
    },
    Refused,
    { custody },
  );
}

/** Read a payload and overwrite its bytes. @param {Uint8Array} data */
function payloadOf(data) {
  try {
    return Payload.parse(data);
  } finally {
    wipe(data);
  }
}

/**
 * Check that exactly this release stands in the ledger, and that its custodian has signed it.
 * @param {Target} target @param {Session} session @param {Custody} line @param {Document} found
 * @param {Uint8Array} sealed
 */
export async function checkEntry(target, session, line, found, sealed) {
  const { manifest } = target;
  const { custody } = line;
  const { deposit, hash: manifestHash } = manifest;
  const [publicKeySha256, sealedSha256] = [sha256(session.publicKey), sha256(sealed)];
  const [entry, proof] = await checked(() => [object(found.entry), text(found.proof)]);
  const event = await target.ledger.event(entry, proof);
  const fits =
    event.type === "release made" &&
    event.deposit === deposit &&
    event.custody === custody &&
    event.recovery === session.recovery &&
    event.data.session === session.session &&
    equal(event.data.public_key_sha256, publicKeySha256) &&
    equal(event.data.sealed_sha256, sealedSha256);
  if (!fits) throw new Refused("release_not_in_ledger", { custody });
  await checked(
    async () => {
      const { recovery, session: name } = session;
      const made = new releases.Release({
        deposit,
        custody,
        recovery,
        session: name,
        manifestHash,
        publicKeySha256,
        sealedSha256,
        time: integer(found.time),
      });
      await releases.verify(made, bytes(found.signature), line.releaseKey);
    },
    Refused,
    { custody },
  );
}
