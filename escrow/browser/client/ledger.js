/**
 * The client's eye on the ledger: key pinned, history only ever continued, entries really in it.
 *
 * What a device keeps is the newest checkpoint, a note signed by the ledger's key: so it pins the key
 * too. It is no secret. A borrowed device keeps nothing; then the key comes from the manifest, which a
 * kit, a card or the 24 digits pin, and history from the checkpoint on a card, if there is one.
 * Without any checkpoint it is a first look: nobody can know whether others are shown the same.
 * Source: PROTOCOL.md sections 6, 10 and 12.
 */

import { equal } from "../platform/bytes.js";
import { ProtocolError } from "../protocol/errors.js";
import * as protocol from "../protocol/ledger.js";
import { Checkpoint, Verifier } from "../protocol/note.js";
import { bytes, integer, list, text } from "./answers.js";
import { Refused, checked } from "./errors.js";

/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./answers.js").Document} Document */

/** What this device has seen of a ledger. A page may give it a note to begin with and keep new ones. */
export class Memory {
  #keep;

  /** @param {string} [note] empty on a device that has seen nothing @param {(note: string) => void} [keep] */
  constructor(note = "", keep = () => {}) {
    this.note = note;
    this.#keep = keep;
  }

  /** @param {string} note */
  keep(note) {
    this.note = note;
    this.#keep(note);
  }
}

/** @param {string} vkey */
function parsed(vkey) {
  return checked(() => Verifier.parse(vkey));
}

/**
 * The ledger of one service, by one pinned key. `firstLook` is true without history.
 *
 * Keys in `earlier` are those from which this one was reached: they count for what was kept, never
 * for what the service says now. One question at a time: what is seen grows with every answer.
 */
export class Ledger {
  #client;
  #memory;
  #earlier;
  /** @type {Checkpoint[]} */
  #seen = [];
  /** What was proven once, by index, nonce and event: a page asks again and again. @type {Map<string, protocol.Event>} */
  #proven = new Map();

  /** @param {Client} client @param {Memory} memory @param {Verifier} verifier @param {Verifier[]} earlier */
  constructor(client, memory, verifier, earlier) {
    this.#client = client;
    this.#memory = memory;
    this.#earlier = earlier;
    this.verifier = verifier;
    this.firstLook = true;
  }

  /**
   * Take up the ledger of a key; throws Refused: other_ledger_key if what was kept is not its.
   * @param {Client} client @param {Memory} memory @param {string} vkey
   * @param {readonly string[]} [earlier]
   */
  static async of(client, memory, vkey, earlier = []) {
    const verifiers = await Promise.all([vkey, ...earlier].map(parsed));
    const ledger = new Ledger(client, memory, verifiers[0], verifiers.slice(1));
    await ledger.remember(memory.note);
    return ledger;
  }

  /**
   * Take up a checkpoint from paper or a file (empty: none): history must continue it.
   * @param {string} note
   */
  async remember(note) {
    if (!note) return;
    for (const verifier of [this.verifier, ...this.#earlier]) {
      try {
        this.#seen.push(await Checkpoint.verify(note, verifier));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        continue;
      }
      this.firstLook = false;
      return;
    }
    throw new Refused("other_ledger_key");
  }

  /** Fetch the newest checkpoint; throws Refused (rewound, forked, …) unless it continues all that was seen. */
  async newest() {
    const found = await this.#client.get("ledger/checkpoint");
    return this.#continue(await checked(() => text(found.checkpoint)));
  }

  /**
   * Return an entry's event after proving that it stands in the ledger.
   *
   * `proof` is asked for if it is not given. Throws Refused: wrong_proof, unverified_note,
   * wrong_signature, forked, rewound, malformed_….
   * @param {Document} entry @param {string} [proof]
   */
  async event(entry, proof) {
    const index = await checked(() => integer(entry.index));
    const name = `${index} ${entry.nonce} ${entry.event}`;
    const known = this.#proven.get(name);
    if (known) return known;
    const given = proof ?? (await this.#client.get(`ledger/proof/${index}`)).proof;
    const [event, checkpoint] = await checked(async () => {
      const raw = bytes(entry.event);
      const found = protocol.Proof.parse(text(given));
      if (found.index !== index) throw new ProtocolError("another entry", { code: "wrong_proof" });
      await found.verify(protocol.leafData(bytes(entry.nonce), raw), this.verifier);
      return /** @type {const} */ ([protocol.Event.parse(raw), found.checkpoint]);
    });
    await this.#continue(checkpoint, true);
    this.#proven.set(name, event);
    return event;
  }

  /** @param {string} note */
  #verified(note) {
    return checked(() => Checkpoint.verify(note, this.verifier));
  }

  /** Check a note against every checkpoint seen, then keep it if it is the newest. @param {string} note */
  async #continue(note, mayBeOlder = false) {
    const checkpoint = await this.#verified(note);
    for (const seen of this.#seen) {
      const isOlder = checkpoint.size < seen.size;
      if (isOlder && !mayBeOlder) throw new Refused("rewound");
      if (isOlder) await this.#checkConsistent(checkpoint, seen);
      else await this.#checkConsistent(seen, checkpoint);
    }
    if (this.#seen.every((seen) => checkpoint.size > seen.size)) {
      this.#seen = [checkpoint];
      this.#memory.keep(note);
    }
    return checkpoint;
  }

  /**
   * Refuse unless `newer` continues `older`: both lie on the way to the server's newest.
   * @param {Checkpoint} older @param {Checkpoint} newer
   */
  async #checkConsistent(older, newer) {
    if (older.size === newer.size) {
      if (!equal(older.root, newer.root)) throw new Refused("forked");
      return;
    }
    const latest = await this.#prove(older);
    if (latest.size < newer.size) throw new Refused("rewound");
    if (latest.size > newer.size) await this.#prove(newer);
    else if (!equal(latest.root, newer.root)) throw new Refused("forked");
  }

  /** Fetch and check the proof that the server's newest checkpoint continues `old`. @param {Checkpoint} old */
  async #prove(old) {
    const answer = await this.#client.get("ledger/consistency", { old: old.size });
    const latest = await this.#verified(await checked(() => text(answer.checkpoint)));
    try {
      if (!Array.isArray(answer.proof)) throw new ProtocolError("no proof");
      protocol.checkConsistent(old, latest, answer.proof.map(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new Refused("forked", {}, { cause: error });
    }
    return latest;
  }
}

/**
 * Fetch the entries of a deposit or custody, page by page, and prove each; oldest first.
 * @param {Client} client who may read them @param {Ledger} ledger
 * @param {string} path such as `custodies/<custody>/events`
 * @returns {Promise<protocol.Event[]>}
 */
export async function provenEvents(client, ledger, path) {
  const events = [];
  for (const entry of await entriesOf(client, path)) events.push(await ledger.event(entry));
  return events;
}

/**
 * Fetch the entries of a deposit or custody, page by page, unproven; oldest first.
 * @param {Client} client @param {string} path
 */
export async function entriesOf(client, path) {
  /** @type {Document[]} */
  const entries = [];
  /** @type {number | null} */
  let after = null;
  do {
    /** @type {Document} */
    const answer = await client.get(path, after === null ? {} : { after });
    const page = await checked(() => list(answer.events));
    entries.push(...page);
    after = page.length && Number.isSafeInteger(answer.next) ? answer.next : null;
  } while (after !== null);
  return entries.sort((a, b) => a.index - b.index);
}
