// Her kit: the file, or the words with the two numbers that stand beside them.

import { WrongPiece } from "../../client/errors.js";
import { ofFile, ofWords } from "../../client/piece.js";
import { wipe } from "../../platform/bytes.js";
import { splitWords } from "../../platform/text.js";
import { one } from "../../ui/dom.js";
import { NotUsable, typed } from "../../ui/forms.js";
import { client } from "./state.js";

const MOST_BYTES = 2 ** 20;

/**
 * Read the kit of a deposit from a form with `file`, `words`, `custody` and `code`.
 *
 * Throws WrongPiece (also for the kit of another deposit, and for a contact's card), NotUsable.
 * @param {HTMLFormElement} from
 * @param {string} deposit
 */
export async function readKit(from, deposit) {
  const found = (await ofChosenFile(from)) ?? (await ofTypedWords(from));
  try {
    if (found.manifest.deposit !== deposit) throw new WrongPiece("wrong_deposit");
    return found.requireRole("customer");
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

/** @param {HTMLFormElement} from */
async function ofTypedWords(from) {
  // On paper each word has its number before it.
  const words = splitWords(typed(from, "words").toLowerCase().replace(/[0-9.,;:)]+/g, " "));
  if (words.length === 0) throw new NotUsable("kit.nothing");
  return ofWords(client, words.join(" "), typed(from, "custody"), typed(from, "code"));
}
