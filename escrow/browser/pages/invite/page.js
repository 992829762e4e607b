// Accepting a piece: who asks, the digits, the card, a phrase of one's own. Nothing is final before
// the card is kept: a reload costs nothing, the link is opened once more.

import { Acceptance } from "../../client/accept.js";
import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { ProtocolError } from "../../protocol/errors.js";
import { InvitationLink } from "../../protocol/qr.js";
import { fill, one, showIf, showPart } from "../../ui/dom.js";
import { NotUsable, complain, onSend, typed } from "../../ui/forms.js";
import { mayTry, refusal, rpId } from "../../ui/passkeys.js";
import { sentence } from "../../ui/problems.js";
import { saveFile } from "../../ui/saving.js";
import { showCard } from "../../ui/sheets.js";
import { Steps } from "../../ui/steps.js";
import { flash, leaveNothingBehind } from "../../ui/widgets.js";
import { language, say } from "../../ui/words.js";

const DIGITS = 16;
const leaving = new AbortController();
const client = new Client({ locale: language(), signal: leaving.signal });
const steps = new Steps(one("[data-steps]"));
/** @type {Acceptance | null} */
let acceptance = null;
let emptySheet = () => {};
let isTaken = false;

/** @param {string} name */
function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

/** @returns {Acceptance} */
function present() {
  if (acceptance === null) throw new TypeError("no invitation");
  return acceptance;
}

/**
 * Fetch what the link names, and begin.
 * @param {string} text the whole link
 */
export async function begin(text) {
  const link = linkOf(text);
  if (link === null) return showPart("no-link");
  try {
    acceptance = await Acceptance.fetch(client, new Memory(), link, location.origin);
    fill(document, { customer: acceptance.customer });
    showPart("steps");
    steps.begin("about");
  } catch (error) {
    showPart("failed");
    fill(document, { failed: sentence(error, "invite") });
    one("[data-again]").onclick = () => begin(text);
  }
}

/** @param {string} text */
function linkOf(text) {
  try {
    return InvitationLink.parse(text.replace(/\?[^#]*/, ""));
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

async function goOn() {
  if (!present().hasDigits) return steps.go("digits", say("read"));
  await present().open();
  showWho();
}

/** @param {HTMLFormElement} from */
async function giveDigits(from) {
  const digits = typed(from, "digits").replace(/[\s.\-–]/g, "");
  if (!/^[0-9]*$/.test(digits) || digits.length !== DIGITS) throw new NotUsable("digits.sixteen");
  await present().open(digits);
  from.reset();
  showWho();
}

/** What came out is checked: now she sees what it is, and gets it on paper. */
function showWho() {
  const { name, label, contactsNeeded: needed, contactsCount: count } = present().who;
  fill(form("card"), { name, label, team: count > 1 ? say("team", { needed, count }) : "" });
  prepare(false);
  showIf(form("card"), { passkey: mayTry() });
  steps.go("card", say("right"));
  steps.close();
}

/** @param {boolean} large */
function prepare(large) {
  emptySheet();
  emptySheet = showCard(present().paper, { large });
}

/** @param {boolean} large */
function printIt(large) {
  prepare(large);
  isTaken = true;
  print();
}

/**
 * Keep the piece behind a passkey too: one is made, then asked for once more, since only what it opens
 * again is kept. Where the browser wants a press for each question, the next press goes on.
 */
async function keepInPasskey() {
  const button = one("[data-act=passkey]");
  if (button.hasAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  complain(form("card"), "");
  try {
    const { customer, who } = present();
    const rpName = document.title.split(" – ").pop() ?? rpId;
    const site = { rpId, rpName, userName: `${who.label} (${customer})` };
    if (!present().hasPasskey) await present().makePasskey(navigator.credentials, site);
    await present().keepCopies(navigator.credentials, rpId);
    button.hidden = true;
    fill(form("card"), { passkey: say("passkey.kept") });
  } catch (error) {
    complain(form("card"), refusal(error, "card"));
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

async function save() {
  saveFile("card.escrow.json", await present().cardFile(), "application/json");
  flash(one("[data-act=save]"), say("saved"));
  isTaken = true;
}

/** @param {HTMLFormElement} from */
async function keep(from) {
  if (isTaken && typed(from, "kept")) present().cardIsKept();
  if (!present().isKept) throw new NotUsable("card.first");
  await present().attest();
  emptySheet();
  steps.go("phrase", say("kept"));
  steps.close();
}

/** @param {HTMLFormElement} from */
async function choosePhrase(from) {
  const phrase = typed(from, "phrase");
  await present().choosePhrase(phrase || null, language());
  finish();
}

function finish() {
  present().wipe();
  steps.go("done");
  steps.close();
}

onSend(form("about"), goOn, "digits");
onSend(form("digits"), giveDigits, "digits");
onSend(form("card"), keep, "card");
onSend(form("phrase"), choosePhrase, "phrase");
one("[data-act=print]").addEventListener("click", () => printIt(false));
one("[data-act=print-large]").addEventListener("click", () => printIt(true));
one("[data-act=save]").addEventListener("click", save);
one("[data-act=passkey]").addEventListener("click", keepInPasskey);
addEventListener("beforeunload", (event) => {
  if (steps.current === "card") event.preventDefault();
});
addEventListener("pagehide", () => {
  leaving.abort();
  acceptance?.wipe();
  emptySheet();
  for (const each of document.querySelectorAll("form")) each.reset();
});
leaveNothingBehind();
