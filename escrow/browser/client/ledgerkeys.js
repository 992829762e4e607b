/**
 * The service's public keys, and the way from a key that is known to a later one.
 *
 * A manifest pins the ledger's key by name, a kept checkpoint by its signature. Later keys are trusted
 * only through `key changed` entries, each in a checkpoint signed by the key before; what the
 * provider's piece is sealed to must be the key that the ledger names. Source: PROTOCOL.md section 6.
 */

import { decodeUtf8, equal, utf8 } from "../platform/bytes.js";
import { ProtocolError } from "../protocol/errors.js";
import { Event } from "../protocol/ledger.js";
import { Checkpoint, Verifier } from "../protocol/note.js";
import { bytes, integer, list, object, text } from "./answers.js";
import { Refused, checked } from "./errors.js";
import { Ledger, Memory } from "./ledger.js";

/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./answers.js").Document} Document */

/** The service's public keys as it says them; `checkKeys` proves them. */
export class Keys {
  /**
   * @param {{
   *   ledgerVkey: string,
   *   providerKey: Uint8Array,
   *   minimumWaitingSeconds: number,
   *   providerPhone: string,
   *   changes: readonly Document[],
   * }} fields
   */
  constructor({ ledgerVkey, providerKey, minimumWaitingSeconds, providerPhone, changes }) {
    this.ledgerVkey = ledgerVkey;
    this.providerKey = providerKey;
    this.minimumWaitingSeconds = minimumWaitingSeconds;
    this.providerPhone = providerPhone;
    /** Oldest first. */
    this.changes = changes.toSorted((a, b) => a.index - b.index);
    Object.freeze(this);
  }

  /** @param {Client} client */
  static async fetch(client) {
    const found = await client.get("keys");
    return checked(
      () =>
        new Keys({
          ledgerVkey: text(found.ledger_vkey),
          providerKey: bytes(found.provider_key),
          minimumWaitingSeconds: integer(found.minimum_waiting_seconds),
          providerPhone: text(object(found.provider).phone),
          changes: list(found.changes),
        }),
    );
  }
}

/**
 * Refuse keys that the ledger does not name: what is sealed to them could be read.
 *
 * Throws Refused: other_ledger_key, other_provider_key.
 * @param {Ledger} ledger @param {Keys} keys
 */
export async function checkKeys(ledger, keys) {
  if (keys.ledgerVkey !== ledger.verifier.vkey) throw new Refused("other_ledger_key");
  /** @type {Record<string, Uint8Array>} */
  const newest = {};
  for (const entry of keys.changes) {
    const event = await ledger.event(entry);
    if (event.type === "key changed") newest[event.data.use] = event.data.new;
  }
  if (!newest.provider || !equal(newest.provider, keys.providerKey)) {
    throw new Refused("other_provider_key");
  }
  if (newest.ledger && !equal(newest.ledger, utf8(keys.ledgerVkey))) {
    throw new Refused("other_ledger_key");
  }
}

/**
 * Open the ledger by the key pinned in a manifest, else by the one that this device has kept.
 *
 * A later key is accepted only through `key changed` entries that the pinned key has signed for.
 * `note` is a checkpoint from a card. Without any of these the service's word is taken. Throws
 * Refused: other_ledger_key, rewound, forked.
 * @param {Client} client @param {Memory} memory @param {string | null} pinnedVkey @param {string} [note]
 */
export async function openLedger(client, memory, pinnedVkey, note = "") {
  const keys = await Keys.fetch(client);
  const pinned = pinnedVkey ?? (await keptKey(memory, keys)) ?? keys.ledgerVkey;
  const earlier = await follow(client, memory, pinned, keys);
  const ledger = await Ledger.of(client, memory, keys.ledgerVkey, earlier);
  await ledger.remember(note);
  await ledger.newest();
  return { ledger, keys };
}

/**
 * Return the key that has signed the kept checkpoint, among those the service has had.
 * @param {Memory} memory @param {Keys} keys
 */
async function keptKey(memory, keys) {
  if (!memory.note) return null;
  const events = await Promise.all(keys.changes.map(eventOf));
  const earlier = events.filter(isOfLedger).map((event) => vkeyOf(event.data.new));
  for (const vkey of [keys.ledgerVkey, ...earlier.reverse()]) {
    try {
      await Checkpoint.verify(memory.note, Verifier.parse(vkey));
      return vkey;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  throw new Refused("other_ledger_key");
}

/**
 * Follow the chain from a pinned key to the present one; throws Refused where it breaks.
 *
 * Returns the keys that were left behind. Each step stands in a checkpoint that the key before has
 * signed.
 * @param {Client} client @param {Memory} memory @param {string} pinned @param {Keys} keys
 */
async function follow(client, memory, pinned, keys) {
  /** @type {string[]} */
  const behind = [];
  let vkey = pinned;
  for (const entry of keys.changes) {
    if (vkey === keys.ledgerVkey) break;
    const event = await eventOf(entry);
    if (event.type !== "key changed" || !equal(event.data.old ?? new Uint8Array(0), utf8(vkey))) {
      continue;
    }
    const ledger = await Ledger.of(client, memory, vkey, behind);
    await ledger.event(entry);
    behind.push(vkey);
    vkey = vkeyOf(event.data.new);
  }
  if (vkey !== keys.ledgerVkey) throw new Refused("other_ledger_key");
  return behind;
}

/** Read an entry's event, unproven. @param {Document} entry */
function eventOf(entry) {
  return checked(() => Event.parse(bytes(entry.event)));
}

/** @param {Event} event */
function isOfLedger(event) {
  return event.type === "key changed" && event.data.use === "ledger";
}

/** @param {Uint8Array} data */
function vkeyOf(data) {
  try {
    return decodeUtf8(data);
  } catch {
    return ""; // no key's name: the chain breaks here
  }
}
