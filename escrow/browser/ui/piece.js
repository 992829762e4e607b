// A kit or a card: the file, or the words with the two numbers that stand beside them.

import { WrongPiece } from "../client/errors.js";
import { ofFile, ofWords } from "../client/piece.js";
import { wipe } from "../platform/bytes.js";
import { splitWords } from "../platform/text.js";
import { one } from "./dom.js";
import { NotUsable, typed } from "./forms.js";

/** @typedef {import("../client/http.js").Client} Client */
/** @typedef {{ role: "customer" | "contact", deposit?: string, custody?: string }} Wanted */

const MOST_BYTES = 2 ** 20;

/**
 * Read a piece from a form with `file`, `words`, `custody` and `code`.
 *
 * Throws WrongPiece (also for the piece of another deposit, or of somebody else), NotUsable.
 * @param {Client} client
 * @param {HTMLFormElement} from
 * @param {Wanted} wanted
 */
export async function readPiece(client, from, { role, deposit, custody }) {
  const found = (await ofChosenFile(from)) ?? (await ofTypedWords(client, from));
  try {
    if (deposit && found.manifest.deposit !== deposit) throw new WrongPiece("wrong_deposit");
    found.requireRole(role);
    if (custody && found.custody !== custody) throw new WrongPiece("wrong_deposit");
    return found;
  } catch (error) {
    found.wipe();
    throw error;
  }
}

/** @param {HTMLFormElement} from */
async function ofChosenFile(from) {
  const file = /** @type {HTMLInputElement} */ (one('[name="file"]', from)).files?.[0];
  if (file === undefined) return null;
  if (file.size > MOST_BYTES) throw new WrongPiece("malformed_kit");
  const data = new Uint8Array(await file.arrayBuffer());
  try {
    return await ofFile(data);
  } finally {
    wipe(data);
  }
}

/** @param {Client} client @param {HTMLFormElement} from */
async function ofTypedWords(client, from) {
  // On paper each word has its number before it.
  const words = splitWords(typed(from, "words").toLowerCase().replace(/[0-9.,;:)]+/g, " "));
  if (words.length === 0) throw new NotUsable("kit.nothing");
  return ofWords(client, words.join(" "), typed(from, "custody"), typed(from, "code"));
}
