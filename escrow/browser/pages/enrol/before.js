// A key in the place of another: what she chose then stands in the fields, to be changed as she likes.

import { documentIn } from "../../ui/encoding.js";
import { all, fill, one, showIf } from "../../ui/dom.js";
import { language } from "../../ui/words.js";
import { client, form } from "./state.js";

// As `escrow replace` does it: who lost a card gets a new one.
const STAYING = ["invited", "held", "lost"];
const DAY_SECONDS = 86400;

/**
 * Fill in name, contacts and waiting time of the deposit that is replaced.
 * @param {string} deposit
 */
export async function proposeAsBefore(deposit) {
  const before = await client.get(`deposits/${deposit}`);
  /** @type {HTMLInputElement} */ (one("#label")).value = before.label;
  const { waiting_seconds: wait, contacts } = documentIn(before.manifest);
  choose("days", String(wait / DAY_SECONDS));
  choose("count", String(contacts.count > 1 ? 3 : contacts.count));
  proposeContacts(before.custodies.filter((/** @type {any} */ piece) => piece.role === "contact"));
}

/** @param {{ name: string | null, address: string | null, state: string }[]} pieces */
function proposeContacts(pieces) {
  const from = form("contacts");
  const fields = all("[data-contact]", from);
  const staying = pieces.filter((piece) => STAYING.includes(piece.state) && piece.name && piece.address);
  for (const [i, { name, address }] of staying.slice(0, fields.length).entries()) {
    /** @type {HTMLInputElement} */ (one(`#name-${i}`)).value = name ?? "";
    /** @type {HTMLInputElement} */ (one(`#address-${i}`)).value = address ?? "";
  }
  const leaving = pieces.filter((piece) => !staying.includes(piece)).map((piece) => piece.name ?? "");
  fill(from, { leaving: new Intl.ListFormat(language()).format(leaving.filter(Boolean)) });
  showIf(from, { before: pieces.length > 0 });
}

/**
 * Choose one of a group where it has that choice; else what the page proposes stays.
 * @param {string} name
 * @param {string} value
 */
function choose(name, value) {
  for (const field of all(`[name="${name}"]`)) {
    if (field instanceof HTMLInputElement && field.value === value) field.checked = true;
  }
}
