// A kit or a card: held before the camera, as a file or a photo, or typed from the paper.

import { WrongPiece } from "../client/errors.js";
import { ofFile, ofQr, ofWords } from "../client/piece.js";
import { wipe } from "../platform/bytes.js";
import { BadShare } from "../protocol/errors.js";
import { all, one, showIf } from "./dom.js";
import { NotUsable, complain, typed } from "./forms.js";
import { placeOf } from "./problems.js";
import { WordFields } from "./wordfields.js";
import { say } from "./words.js";

/** @typedef {import("../client/http.js").Client} Client */
/** @typedef {{ role: "customer" | "contact", deposit?: string, custody?: string }} Wanted */

const MOST_BYTES = 2 ** 20;
const MOST_PICTURE_BYTES = 40 * 2 ** 20;
const OF_PIECE = "escrow1s:";

/** One place where a piece is given: the fields of `parts.piece_fields` in a form. */
export class PieceForm {
  #form;
  #words;
  /** @type {AbortController | null} */
  #watching = null;
  /** What the camera has read, until it is used. */
  #seen = "";

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#words = new WordFields(one("[data-words]", form), {
      line: () => copy("word-line"),
      note: () => copy("wrong-word"),
      wrong: (number, proposals) =>
        proposals.length ? say("word.is_it", { number, words: proposals.join(", ") }) : say("word.not_in_list", { number }),
    });
    this.#show(false);
    one("[data-camera]", form).addEventListener("click", () => this.#watch());
    one("[data-camera-stop]", form).addEventListener("click", () => this.stop());
    form.addEventListener("reset", () => this.#forget());
    addEventListener("pagehide", () => this.stop());
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
    const seen = this.#seen;
    this.#seen = "";
    if (seen) return ofQr(client, seen);
    const file = /** @type {HTMLInputElement} */ (one('[name="file"]', this.#form)).files?.[0];
    if (file?.type.startsWith("image/")) return ofQr(client, await codeIn(file));
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

  /** Let the camera look for the code of a piece; when it sees one, the form is sent. */
  async #watch() {
    this.stop();
    complain(this.#form, "");
    const watch = new AbortController();
    this.#watching = watch;
    this.#show(true);
    one("[data-camera-stop]", this.#form).focus();
    try {
      const { watchCamera } = await import("./scan.js");
      await watchCamera(one("video", this.#form), watch.signal, async (texts) => {
        this.#seen = texts.find((text) => text.startsWith(OF_PIECE)) ?? "";
        return Boolean(this.#seen);
      });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      complain(this.#form, say(error.name === "NotAllowedError" ? "camera.refused" : "camera.none"));
    }
    if (this.#watching === watch) this.stop();
    if (this.#seen) this.#form.requestSubmit();
  }

  /** Switch the camera off. */
  stop() {
    this.#watching?.abort();
    this.#watching = null;
    this.#show(false);
  }

  /** @param {boolean} watching */
  #show(watching) {
    showIf(this.#form, { watching, camera: !watching && "mediaDevices" in navigator });
  }

  #forget() {
    this.stop();
    this.#seen = "";
    this.#words.restore([]);
  }
}

/** Make a PieceForm of every form on the page that takes a piece. */
export function pieceForms() {
  const forms = all("[data-words]").map((list) => /** @type {HTMLFormElement} */ (list.closest("form")));
  return new Map(forms.map((form) => [form, new PieceForm(form)]));
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

/** Return the code of a piece in a photo or scan of its paper. @param {File} file */
async function codeIn(file) {
  if (file.size > MOST_PICTURE_BYTES) throw new NotUsable("picture.no_code");
  const { codesInPicture } = await import("./scan.js");
  let texts;
  try {
    texts = await codesInPicture(file);
  } catch {
    throw new NotUsable("picture.unreadable");
  }
  // A paper has more than one code; without that of a piece, what is there is refused by its name.
  const code = texts.find((text) => text.startsWith(OF_PIECE)) ?? texts[0];
  if (!code) throw new NotUsable("picture.no_code");
  return code;
}
