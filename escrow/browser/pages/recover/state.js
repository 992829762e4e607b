// What this page knows, in its memory alone; leaving it overwrites what is secret.

import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { one } from "../../ui/dom.js";
import { Steps } from "../../ui/steps.js";
import { language } from "../../ui/words.js";

/** @typedef {import("../../client/answers.js").Document} Document */
/** @typedef {import("../../client/collecting.js").Collection} Collection */
/** @typedef {import("../../client/collecting.js").Recovered} Recovered */
/** @typedef {import("../../client/piece.js").Piece} Piece */
/** @typedef {import("../../client/received.js").Target} Target */

const leaving = new AbortController();

export const client = new Client({ locale: language(), signal: leaving.signal });
export const memory = new Memory();
export const steps = new Steps(one("[data-steps]"));

export const state = {
  address: "",
  login: "",
  /** @type {Document[]} the accounts of the address */
  accounts: [],
  /** @type {Document[]} */
  deposits: [],
  /** @type {Document} the deposit that is wanted */
  deposit: {},
  /** How she proves who she is: totp, kit or contacts. */
  proof: "totp",
  /** The recovery that a repeated request names again. */
  wanted: "",
  /** @type {Document} the recovery, or the draft of one */
  running: {},
  /** @type {Piece | null} */
  piece: null,
  /** @type {Target | null} */
  target: null,
  /** @type {Collection | null} */
  collection: null,
  /** @type {Recovered | null} */
  recovered: null,
  /** What goes on once the app, or the kit, has proven who she is. */
  after: async () => {},
};

/** @param {string} name */
export function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

/** @type {Promise<import("../../ui/piece.js").PieceForm> | null} */
let kit = null;

/** Make the fields in which the kit proves who she is. Few need them: they are loaded late. */
export function kitForm() {
  kit ??= import("../../ui/piece.js").then(({ PieceForm }) => new PieceForm(form("kit")));
  return kit;
}

addEventListener("pagehide", () => {
  leaving.abort();
  state.piece?.wipe();
  state.collection?.wipe();
  state.recovered?.wipe();
  for (const shown of document.querySelectorAll("[data-secret], [data-digits]")) {
    if (shown instanceof HTMLCanvasElement) shown.width = 0;
    else shown.textContent = "";
  }
  for (const typed of document.querySelectorAll("form")) typed.reset();
});
