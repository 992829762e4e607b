// A kit or a card: held before the camera, as a file or a photo, or typed from the paper.

import { WrongPiece } from "../client/errors.js";
import { ofFile, ofQr, ofWords } from "../client/piece.js";
import { wipe } from "../platform/bytes.js";
import { BadShare } from "../protocol/errors.js";
import { SHARE_PREFIX } from "../protocol/qr.js";
import { Camera } from "./camera.js";
import { one } from "./dom.js";
import { NotUsable, typed } from "./forms.js";
import { placeOf } from "./problems.js";
import { WordFields } from "./wordfields.js";
import { say } from "./words.js";

/** @typedef {import("../client/http.js").Client} Client */
/** @typedef {{ role: "customer" | "contact", deposit?: string, custody?: string }} Wanted */

const MOST_BYTES = 2 ** 20;

/** One place where a piece is given: the fields of `parts.piece_fields` in a form. */
export class PieceForm {
  #form;
  #camera;
  #words;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#camera = new Camera(form, SHARE_PREFIX);
    this.#words = new WordFields(one("[data-words]", form), {
      line: () => copy("word-line"),
      note: () => copy("wrong-word"),
      wrong: (number, proposals) =>
        proposals.length ? say("word.is_it", { number, words: proposals.join(", ") }) : say("word.not_in_list", { number }),
    });
    form.addEventListener("reset", () => this.#words.restore([]));
    addEventListener("pagehide", () => this.#words.restore([]));
  }

  /**
   * Read the piece that was given.
   *
   * Throws WrongPiece (also for the piece of another deposit, or of somebody else), NotUsable.
   * @param {Client} client
   * @param {Wanted} wanted
   */
  async read(client, { role, deposit, custody }) {
    const found = await this.#found(client);
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

  /** @param {Client} client */
  async #found(client) {
    const code = await this.#camera.code();
    if (code !== null) return ofQr(client, code);
    const file = /** @type {HTMLInputElement} */ (one('[name="file"]', this.#form)).files?.[0];
    return file ? ofChosen(file) : this.#typed(client);
  }

  /** @param {Client} client */
  async #typed(client) {
    const words = this.#words.typedWords();
    if (!words) throw new NotUsable("kit.nothing");
    const empty = this.#words.firstEmpty();
    if (empty !== null) {
      this.#words.markWrong(empty, say("word.empty", { number: empty }));
      throw new NotUsable("kit.words");
    }
    try {
      return await ofWords(client, words, typed(this.#form, "custody"), typed(this.#form, "code"));
    } catch (error) {
      if (error instanceof WrongPiece) this.#pointAt(error);
      throw error;
    }
  }

  /** Mark the word that is wrong. @param {WrongPiece} error */
  #pointAt(error) {
    const { cause } = error;
    if (!(cause instanceof BadShare) || cause.word === null) return;
    if (cause.code === "unknown_word") this.#words.mark(cause.word, cause.proposals);
    else this.#words.markWrong(cause.word, placeOf(error));
  }
}

/** @param {string} id */
function copy(id) {
  const template = /** @type {HTMLTemplateElement} */ (one(`template#${id}`));
  return /** @type {DocumentFragment} */ (template.content.cloneNode(true));
}

/** @param {File} file */
async function ofChosen(file) {
  if (file.size > MOST_BYTES) throw new WrongPiece("malformed_kit");
  const data = new Uint8Array(await file.arrayBuffer());
  try {
    return await ofFile(data);
  } finally {
    wipe(data);
  }
}
