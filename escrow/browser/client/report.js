/**
 * A drill's report: what proves, to whoever looks later, that a key could be brought back.
 *
 * The same document as `cli/escrow_cli/report.py` writes and checks: `escrow verify --report` reads it.
 */

import { ListOf, HASH, INTEGER, SIGNATURE, Shape, binary, choice, text, writeDocument } from "../protocol/encoding.js";
import { CONTACT_FIELDS } from "../protocol/kit.js";
import { AUTHORS, MAX_EVENT_LENGTH_BYTES } from "../protocol/ledger.js";
import { MAX_LENGTH_BYTES } from "../protocol/manifest.js";
import { Verifier } from "../protocol/note.js";
import * as slip39 from "../protocol/slip39.js";
import { bytes, object, text as textOf } from "./answers.js";
import { checked } from "./errors.js";
import { entriesOf } from "./ledger.js";

/** @typedef {import("../protocol/kit.js").Contact} Contact */
/** @typedef {import("../protocol/ledger.js").Event} Event */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./made.js").Made} Made */
/** @typedef {import("./received.js").Target} Target */
/** @typedef {{ custody: string, role: string, at: number | null }} Proven when its newest proof since the drill began was recorded */
/** @typedef {{ data: Uint8Array, at: number, custodians: Proven[] }} Report the document, when the drill's key was back, who has proven */

const MAX_ENTRIES = 400;
const SHAPE = new Shape({
  format: choice("escrow/v1/drill-report"),
  made_at: INTEGER,
  host: text(255, 1),
  provider: text(200),
  manifest: binary(MAX_LENGTH_BYTES),
  manifest_signature: SIGNATURE,
  drill_manifest: binary(MAX_LENGTH_BYTES),
  drill_manifest_signature: SIGNATURE,
  contacts: new ListOf(new Shape(CONTACT_FIELDS), slip39.MAX_CONTACTS),
  entries: new ListOf(
    new Shape({
      index: INTEGER,
      author: choice(...AUTHORS),
      nonce: HASH,
      event: binary(MAX_EVENT_LENGTH_BYTES, 1),
      proof: text(8192, 1),
    }),
    MAX_ENTRIES,
  ),
});

/**
 * Collect entries and proofs of both deposits, each proven here first.
 * @param {Client} client @param {Target} target the real deposit @param {Made} made the dummy
 * @param {string} recovery @param {readonly Contact[]} contacts those of the kit file
 * @returns {Promise<Report>}
 */
export async function gather(client, target, made, recovery, contacts) {
  const { manifest, signature, ledger } = target;
  const dummy = made.manifest;
  const found = [];
  for (const deposit of [manifest.deposit, dummy.deposit]) {
    for (const entry of await entriesOf(client, `deposits/${deposit}/events`)) {
      const { proof } = await client.get(`ledger/proof/${entry.index}`);
      found.push({ entry, proof: await checked(() => textOf(proof)), event: await ledger.event(entry, proof) });
    }
  }
  found.sort((a, b) => a.entry.index - b.entry.index);
  const opened = found.findIndex(({ event }) => event.recovery === recovery && event.type === "recovery opened");
  const isWanted = (/** @type {{ event: Event }} */ { event }, /** @type {number} */ position) =>
    event.type === "deposit created" ||
    (event.deposit === dummy.deposit && event.recovery === recovery) ||
    (event.deposit === manifest.deposit && event.type === "custody attested" && position > opened);
  const entries = found.filter(isWanted);
  const { provider } = await client.get("keys");
  const value = {
    format: "escrow/v1/drill-report",
    made_at: client.now(),
    host: Verifier.parse(manifest.ledgerVkey).name.replace(/\/ledger$/, ""),
    provider: await checked(() => textOf(object(provider).name)),
    manifest: manifest.data,
    manifest_signature: signature,
    drill_manifest: dummy.data,
    drill_manifest_signature: made.kit.manifestSignature,
    contacts: contacts.map(({ name, address, nonce }) => ({ name, address, nonce })),
    entries: await checked(() =>
      entries.map(({ entry, proof }) => ({
        index: entry.index,
        author: textOf(entry.author),
        nonce: bytes(entry.nonce),
        event: bytes(entry.event),
        proof,
      })),
    ),
  };
  const completed = entries.filter(({ event }) => event.type === "recovery completed");
  return {
    data: writeDocument(value, SHAPE),
    at: completed[completed.length - 1]?.event.at ?? 0,
    custodians: manifest.custodies.map(({ custody, role }) => ({ custody, role, at: newest(entries, custody) })),
  };
}

/** @param {readonly { event: Event }[]} entries @param {string} custody */
function newest(entries, custody) {
  const proofs = entries.filter(
    ({ event }) => event.type === "custody attested" && event.custody === custody && event.data.means === "share",
  );
  return proofs[proofs.length - 1]?.event.at ?? null;
}
