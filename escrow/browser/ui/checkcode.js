// The check code of a kit or a card: it shows that the paper is there, and opens nothing.

import { checkByDigits, checkOfQr, checkPiece } from "../client/attesting.js";
import { WrongPiece } from "../client/errors.js";
import { CHECK_PREFIX } from "../protocol/qr.js";
import { Camera } from "./camera.js";
import { NotUsable, typed } from "./forms.js";

/** One place where a check code is given: the fields of `parts.check_fields` in a form. */
export class CheckForm {
  #form;
  #camera;

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#camera = new Camera(form, CHECK_PREFIX);
  }

  /**
   * Show with the code that was given that a piece is there; returns the custody's state.
   *
   * Throws WrongPiece (also for the code of another piece), NotUsable, and what `checkPiece` does.
   * @param {import("../client/http.js").Client} client
   * @param {import("../client/ledger.js").Memory} memory
   * @param {string} custody whose code it must be
   */
  async send(client, memory, custody) {
    const code = await this.#camera.code();
    if (code !== null) return (await this.#ofCode(client, memory, custody, code)).state;
    const digits = typed(this.#form, "check");
    if (!digits) throw new NotUsable("check.nothing");
    return (await checkByDigits(client, memory, digits, custody)).state;
  }

  /**
   * @param {import("../client/http.js").Client} client
   * @param {import("../client/ledger.js").Memory} memory
   * @param {string} custody
   * @param {string} code
   */
  async #ofCode(client, memory, custody, code) {
    const { custody: its, seed } = await checkOfQr(code);
    if (its === custody) return checkPiece(client, memory, custody, seed);
    seed.fill(0);
    throw new WrongPiece("wrong_deposit");
  }
}
