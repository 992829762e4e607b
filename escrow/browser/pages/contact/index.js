// What a contact does with the piece: help on the telephone, show that it is there, stop a recovery,
// vouch, move, choose a phrase, end it. The card is shown first; it stays in this page's memory.

import { Contact } from "../../client/contact.js";
import { checkByPasskey, openPiece } from "../../client/copies.js";
import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { CheckForm } from "../../ui/checkcode.js";
import { dateTime } from "../../ui/dates.js";
import { all, fill, one, showIf, showPart } from "../../ui/dom.js";
import { NotUsable, address, complain, digits, onSend, typed } from "../../ui/forms.js";
import { mayTry, refusal, rpId } from "../../ui/passkeys.js";
import { PieceForm } from "../../ui/piece.js";
import { sentence } from "../../ui/problems.js";
import { Steps } from "../../ui/steps.js";
import { isSure } from "../../ui/sure.js";
import { leaveNothingBehind } from "../../ui/widgets.js";
import { language, say } from "../../ui/words.js";

/** @typedef {import("../../client/answering.js").Answer} Answer */
/** @typedef {import("../../client/answers.js").Document} Document */

const CALL_DIGITS = 12;
const NUMBER_DIGITS = 8;
const leaving = new AbortController();
const client = new Client({ locale: language(), signal: leaving.signal });
const custody = one("[data-custody]").dataset.custody ?? "";
const steps = new Steps(one("[data-steps]"));
const menu = form("menu");
const card = new PieceForm(form("piece"));
const check = new CheckForm(form("check"));
/** @type {Contact | null} */
let contact = null;
/** @type {Answer | null} */
let answer = null;
/** The call that is answered: what an earlier one still brings is not. */
let present = 0;
const moving = { name: "", address: "" };

/** @param {string} name */
function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

/** @returns {Contact} */
function me() {
  if (contact === null) throw new TypeError("no piece");
  return contact;
}

/** Show by the check code alone that the card is there. @param {HTMLFormElement} from */
async function showCheck(from) {
  fill(from, { checked: "" });
  await check.send(client, new Memory(), custody);
  from.reset();
  fill(from, { checked: say("done.check") });
}

/** @param {HTMLFormElement} from */
async function showPiece(from) {
  await take(await card.read(client, { role: "contact", custody }));
  from.reset();
}

/** @param {import("../../client/piece.js").Piece} piece */
async function take(piece) {
  try {
    const found = await Contact.of(client, new Memory(), piece);
    contact?.wipe();
    contact = found;
  } catch (error) {
    piece.wipe();
    throw error;
  }
  await showMenu("");
  steps.close();
}

/** Offer the passkey, where this custody has one and the browser may have it. */
async function offerPasskey() {
  if (!mayTry()) return;
  try {
    const { wraps } = await client.get(`custodies/${custody}`);
    showIf(document, { passkey: Array.isArray(wraps) && wraps.length > 0 });
  } catch {
    // The card always works; what is wrong is said when it is shown.
  }
}

/** @param {string} step @param {(credentials: CredentialsContainer) => Promise<void>} use */
async function withPasskey(step, use) {
  complain(form(step), "");
  try {
    await use(navigator.credentials);
  } catch (error) {
    complain(form(step), refusal(error, "card"));
  }
}

/**
 * Show what can be done now, and say what was.
 * @param {string} done
 */
async function showMenu(done) {
  const running = await me().recovery();
  const { document, manifest } = me();
  showIf(menu, { running: running !== null, collecting: running?.state === "collecting" });
  fill(menu, {
    done,
    label: manifest.label,
    state: say(`state.${document.state}`),
    reason: running?.reason,
    asked: running === null ? "" : say("asked", { when: dateTime(running.opened_at) }),
    when: running === null ? "" : whenToHelp(running),
  });
  complain(menu, "");
  if (steps.current !== "menu") steps.go("menu");
}

/** Say from when a contact is wanted. @param {Document} recovery */
function whenToHelp({ state, ready_at }) {
  if (state === "ready" || state === "collecting") return say("help.now");
  if (state === "frozen" || ready_at === null) return say("help.notices");
  return say("help.waiting", { when: dateTime(ready_at) });
}

/** Wait for the other side's call, answer it, and let the digits be typed. */
async function help() {
  const mine = ++present;
  answer = null;
  complain(form("call"), "");
  showIf(form("call"), { waiting: true, typing: false });
  form("call").reset();
  steps.go("call");
  try {
    const found = await me().answer(await me().running());
    await found.revealed();
    if (mine !== present) return;
    answer = found;
    showIf(form("call"), { waiting: false, typing: true });
    one("#call-digits").focus();
  } catch (error) {
    if (mine === present) complain(form("call"), sentence(error, "call"));
  }
}

/** @param {HTMLFormElement} from */
async function release(from) {
  if (answer === null) throw new NotUsable("call.not_yet");
  answer.compare(digits(from, "digits", CALL_DIGITS));
  await answer.release();
  answer = null;
  from.reset();
  await showMenu(say("done.release"));
}

async function endCall() {
  present += 1;
  answer = null;
  form("call").reset();
  await showMenu("");
}

/** @param {HTMLFormElement} from */
async function vouch(from) {
  const draft = await me().draftOf(digits(from, "number", NUMBER_DIGITS));
  await me().vouch(draft);
  from.reset();
  await showMenu(say("done.vouch"));
}

/** @param {HTMLFormElement} from */
async function choosePhrase(from) {
  await me().phrase(typed(from, "phrase"));
  from.reset();
  await showMenu(say("done.phrase"));
}

/** @param {HTMLFormElement} from */
async function move(from) {
  Object.assign(moving, { name: typed(from, "name"), address: address(from, "address") });
  if (!moving.name) throw new NotUsable("move.name");
  if (await me().reach(moving.address)) {
    fill(form("moved"), { address: moving.address });
    return steps.go("moved");
  }
  await moveThere();
}

/** @param {HTMLFormElement} from */
async function confirmMove(from) {
  await me().reached(moving.address, digits(from, "code"));
  from.reset();
  await moveThere();
}

async function moveThere() {
  await me().move(moving.name, moving.address);
  form("move").reset();
  await showMenu(say("done.move"));
}

/** @type {Record<string, () => Promise<unknown>>} What asks nothing but, some of it, whether she is sure. */
const ACTS = {
  check: () => me().attestShare(),
  veto: () => me().veto(),
  lost: () => me().lost(),
  decline: () => me().decline(),
};
const SURE = new Set(["veto", "lost", "decline"]);

/** @param {string} name */
async function act(name) {
  complain(menu, "");
  try {
    if (SURE.has(name) && !(await isSure(name))) return;
    await ACTS[name]();
    await showMenu(say(`done.${name}`));
    one("[role=status]", menu).scrollIntoView({ block: "nearest" });
  } catch (error) {
    complain(menu, sentence(error, name));
  }
}

onSend(form("piece"), showPiece, "card");
onSend(form("check"), showCheck, "check");
onSend(form("call"), release, "call");
onSend(form("vouch"), vouch, "vouch");
onSend(form("phrase"), choosePhrase);
onSend(form("move"), move, "move");
onSend(form("moved"), confirmMove, "move");
for (const name of Object.keys(ACTS)) one(`[data-act="${name}"]`).addEventListener("click", () => act(name));
for (const name of ["vouch", "phrase", "move", "check", "piece"]) {
  one(`[data-go="${name}"]`).addEventListener("click", () => steps.go(name));
}
one('[data-go="call"]').addEventListener("click", help);
one("[data-act=passkey]").addEventListener("click", () =>
  withPasskey("piece", async (credentials) => take(await openPiece(client, credentials, rpId, custody))),
);
one("[data-act=passkey-check]").addEventListener("click", () =>
  withPasskey("check", async (credentials) => {
    fill(form("check"), { checked: "" });
    await checkByPasskey(client, new Memory(), credentials, rpId, custody);
    fill(form("check"), { checked: say("done.check") });
  }),
);
for (const button of all("[data-back]")) button.addEventListener("click", endCall);
addEventListener("pagehide", () => {
  leaving.abort();
  contact?.wipe();
  for (const each of document.querySelectorAll("form")) each.reset();
});
leaveNothingBehind();
showPart("steps");
steps.begin("piece");
void offerPasskey();
