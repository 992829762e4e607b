// Codes for a form: held before the camera, or on a photo that was chosen. What reads them is loaded
// when it is wanted.

import { one, showIf } from "./dom.js";
import { NotUsable, complain } from "./forms.js";
import { say } from "./words.js";

const MOST_PICTURE_BYTES = 40 * 2 ** 20;

/** @param {string} text whether it is a code of ours, of whatever kind */
const isOurs = (text) => text.startsWith("escrow1");

/** The fields of `parts.camera` in a form: a code that begins with `prefix` sends the form. */
export class Camera {
  #form;
  #prefix;
  /** @type {AbortController | null} */
  #watching = null;
  #seen = "";

  /** @param {HTMLFormElement} form @param {string} prefix */
  constructor(form, prefix) {
    this.#form = form;
    this.#prefix = prefix;
    this.#show(false);
    one("[data-camera]", form).addEventListener("click", () => this.#watch());
    one("[data-camera-stop]", form).addEventListener("click", () => this.stop());
    form.addEventListener("reset", () => this.forget());
    addEventListener("pagehide", () => this.forget());
  }

  /**
   * Return the code that the camera has read or that is on the chosen photo, once; null if neither.
   * Throws NotUsable for a photo without the code that is wanted, and for a paper saved as PDF.
   * @returns {Promise<string | null>}
   */
  async code() {
    const seen = this.#seen;
    this.#seen = "";
    if (seen) return seen;
    const file = /** @type {HTMLInputElement} */ (one('[name="file"]', this.#form)).files?.[0];
    if (file?.type === "application/pdf") throw new NotUsable("picture.pdf");
    return file?.type.startsWith("image/") ? this.#codeIn(file) : null;
  }

  /** @param {File} file */
  async #codeIn(file) {
    if (file.size > MOST_PICTURE_BYTES) throw new NotUsable("picture.no_code");
    const { codesInPicture } = await import("./scan.js");
    let texts;
    try {
      texts = await codesInPicture(file);
    } catch {
      throw new NotUsable("picture.unreadable");
    }
    // A paper has more than one code, and not each of them is sharp on a photo.
    const code = texts.find((text) => text.startsWith(this.#prefix));
    if (code) return code;
    throw new NotUsable(texts.some(isOurs) ? "picture.other_code" : "picture.no_code");
  }

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
        this.#seen = texts.find((text) => text.startsWith(this.#prefix)) ?? "";
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

  /** Switch it off, and forget what it has read. */
  forget() {
    this.stop();
    this.#seen = "";
  }

  /** @param {boolean} watching */
  #show(watching) {
    showIf(this.#form, { watching, camera: !watching && "mediaDevices" in navigator });
  }
}
