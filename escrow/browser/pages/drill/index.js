// Practising: everything as in earnest, with a key that does not matter, and a report with a date.

import { Client, ServiceError } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { Api } from "../../ui/api.js";
import { date, dateTime } from "../../ui/dates.js";
import { all, copyOf, fill, one, showIf } from "../../ui/dom.js";
import { onSend } from "../../ui/forms.js";
import { load } from "../../ui/load.js";
import { saveFile } from "../../ui/saving.js";
import { withFreshCode } from "../../ui/session.js";
import { Steps } from "../../ui/steps.js";
import { flash, leaveNothingBehind } from "../../ui/widgets.js";
import { language, say } from "../../ui/words.js";

/** @typedef {import("../../client/report.js").Report} Report */
/** @typedef {import("../../client/report.js").Proven} Proven */

const leaving = new AbortController();
const client = new Client({ locale: language(), signal: leaving.signal });
const page = one("[data-deposit]");
const identifier = page.dataset.deposit ?? "";
const steps = new Steps(one("[data-steps]"));
const kitStep = /** @type {HTMLFormElement} */ (one('[data-step="kit"]'));
/** @type {import("../../ui/session.js").Session} */
let session;
/** @type {any} */
let deposit;
/** @type {Promise<import("../../ui/piece.js").PieceForm> | null} */
let kit = null;
/** @type {Report | null} */
let report = null;

/** Load what reads the kit, while the first words are read. */
function kitForm() {
  kit ??= import("../../ui/piece.js").then(({ PieceForm }) => new PieceForm(kitStep));
  return kit;
}

/**
 * Do what may want a fresh code of the app, asking for it where it does.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function fresh(act) {
  /** @type {T[]} */
  const done = [];
  const ran = await withFreshCode(client, session, async () => void done.push(await act()));
  if (!ran) throw new ServiceError(0, "step_up_required");
  return done[0];
}

/** @param {HTMLFormElement} from */
async function practise(from) {
  const piece = await (await kitForm()).read(client, { role: "customer", deposit: identifier });
  try {
    const { drill } = await import("../../client/drilling.js");
    const options = {
      ...{ piece, fresh, url: location.origin, label: say("label", { label: deposit.label }) },
      progress: (/** @type {string} */ stage) => fill(from, { busy: say(`stage.${stage}`) }),
    };
    report = await drill(client, new Memory(), options);
  } finally {
    piece.wipe();
    fill(from, { busy: "" });
  }
  from.reset();
  showReport(report);
}

/** @param {Report} found */
function showReport({ at, custodians }) {
  const held = custodians.filter((line) => line.at !== null);
  /** @param {Proven} line whether this is a contact who was asked, and has not answered yet */
  const isAwaited = ({ custody, role, at: shown }) => role === "contact" && shown === null && isHeld(custody);
  const isProven = held.some(({ role }) => role === "customer") && held.some(({ role }) => role === "provider");
  const step = one('[data-step="report"]');
  fill(step, {
    sentence: isProven ? say("report.yes", { date: date(at) }) : say("report.no"),
    contacts: custodians.some(isAwaited) ? say("report.contacts") : "",
  });
  one("[data-custodians]", step).replaceChildren(...custodians.map(custodian));
  steps.go("report");
  steps.close();
}

/** @param {string} custody */
function isHeld(custody) {
  return deposit.custodies.some((/** @type {any} */ each) => each.custody === custody && each.state === "held");
}

/** @param {Proven} line */
function custodian({ custody, role, at }) {
  const item = copyOf("custodian");
  const named = deposit.custodies.find((/** @type {any} */ each) => each.custody === custody)?.name;
  const name = role === "customer" ? say("you") : role === "provider" ? say("we") : (named ?? say("contact"));
  fill(item, { name, proven: at === null ? say("report.missing") : say("report.proven", { when: dateTime(at) }) });
  one(".mark", item).dataset.kind = at === null ? "wait" : "good";
  return item;
}

function save() {
  if (report === null) return;
  saveFile(`drill-${identifier.slice(0, 8)}.escrow.json`, report.data.slice(), "application/json");
  flash(one("[data-act=save]"), say("saved"));
}

/** @param {import("../../ui/session.js").Session} present */
async function show(present) {
  session = present;
  deposit = await new Api().get(`deposits/${identifier}`);
  for (const place of all("[data-slot=label]", page)) place.textContent = deposit.label;
  showIf(page, { recovery: deposit.recovery !== null });
  steps.begin("kit");
  void kitForm();
}

onSend(kitStep, practise, "kit");
one("[data-act=save]").addEventListener("click", save);
one("[data-act=print]").addEventListener("click", () => print());
addEventListener("pagehide", () => {
  leaving.abort();
  for (const each of document.querySelectorAll("form")) each.reset();
});
leaveNothingBehind();
load(new Api(), show);
