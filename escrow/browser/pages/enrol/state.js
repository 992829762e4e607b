// What this page knows, in its memory alone; leaving it overwrites what is secret.

import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { wipe } from "../../platform/bytes.js";
import { one } from "../../ui/dom.js";
import { Steps } from "../../ui/steps.js";
import { language } from "../../ui/words.js";

const leaving = new AbortController();

export const client = new Client({ locale: language(), signal: leaving.signal });
export const memory = new Memory();
export const steps = new Steps(one("[data-steps]"));

export const state = {
  /** @type {import("../../client/answers.js").Document} */
  session: {},
  /** @type {string[]} her own addresses, none of which may be a contact's */
  own: [],
  /** @type {import("../../client/enrol.js").Service | null} */
  service: null,
  label: "",
  secret: new Uint8Array(0),
  /** @type {readonly import("../../client/planning.js").Person[]} */
  contacts: [],
  needed: 0,
  waitingSeconds: 0,
  /** @type {string | null} the deposit in whose place this one comes */
  replaces: new URLSearchParams(location.search).get("replaces"),
  /** @type {import("../../client/enrol.js").Enrolment | null} */
  enrolment: null,
  /** Empties the paper. */
  emptySheet: () => {},
  /** Whether leaving the page now would lose something. */
  isUnfinished: false,
};

/** @param {string} name */
export function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

addEventListener("beforeunload", (event) => {
  if (state.isUnfinished) event.preventDefault();
});
addEventListener("pagehide", () => {
  leaving.abort();
  wipe(state.secret);
  state.enrolment?.wipe();
  state.emptySheet();
  for (const shown of document.querySelectorAll("[data-secret]")) {
    if (shown instanceof HTMLCanvasElement) shown.width = 0;
    else shown.textContent = "";
  }
  for (const typed of document.querySelectorAll("form")) typed.reset();
});
