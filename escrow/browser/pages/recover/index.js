// From "I lost my key" to the key: who asks, which key, what happened; the wait; the pieces; the key.
//
// Nothing is kept in the browser. Whoever closes the page begins with a mail code once more, on any
// device, and stands where she was: the service knows what is under way.

import { usableDeposits } from "../../client/deposits.js";
import { askForCode, enterMailCode, enterTotp, present } from "../../client/signin.js";
import { date, dateTime, duration } from "../../ui/dates.js";
import { copyOf, fill, one, showIf, showPart } from "../../ui/dom.js";
import { NotUsable, address, complain, digits, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { leaveNothingBehind } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { client, form, kitForm, state, steps } from "./state.js";

/** @typedef {import("./state.js").Document} Document */

/** What comes after the question who asks is loaded while she looks for her mail. */
const later = () => import("./running.js");

async function sendCode() {
  state.login = await askForCode(client, state.address);
}

/** @param {HTMLFormElement} from */
async function giveAddress(from) {
  state.address = address(from, "address");
  await sendCode();
  fill(form("code"), { address: state.address, resent: "" });
  form("code").reset();
  steps.go("code", state.address);
  void later();
}

async function resend() {
  const step = form("code");
  complain(step, "");
  try {
    await sendCode();
    fill(step, { resent: say("resent") });
  } catch (error) {
    complain(step, sentence(error));
  }
}

/** @param {HTMLFormElement} from */
async function giveCode(from) {
  state.accounts = await enterMailCode(client, state.login, digits(from, "code"));
  await chooseOf("✓");
  steps.close();
}

/**
 * Show the keys of this address, of all its accounts; where there is one, it is the one.
 * @param {string} answer
 */
async function chooseOf(answer) {
  const found = await usableDeposits(client);
  state.deposits = found.filter((line) => line.kind === "real" && line.state !== "pending").toSorted(livingFirst);
  if (state.deposits.length === 0) return steps.go("none", answer);
  one("[data-keys]").replaceChildren(...state.deposits.map(choice));
  if (state.deposits.length > 1) return steps.go("key", answer);
  wantProof(state.deposits[0], answer);
}

/** The key that ends comes last: where two look alike, the other one is wanted. @param {Document} a @param {Document} b */
function livingFirst(a, b) {
  return Number(a.state === "closing") - Number(b.state === "closing") || b.created_at - a.created_at;
}

/**
 * Ask who she is, with the proofs that this key takes.
 * @param {Document} deposit
 * @param {string} answer
 */
function wantProof(deposit, answer) {
  state.deposit = deposit;
  fill(form("proof"), { key: deposit.label, wait: say("your_wait", { wait: duration(deposit.waiting_seconds) }) });
  showIf(form("proof"), { "contacts-vouch": deposit.contacts_vouch, "has-contacts": deposit.contacts > 0 });
  steps.go("proof", answer);
}

/** @param {Document} deposit */
function choice(deposit) {
  const line = copyOf("key-choice");
  const isEnding = deposit.state === "closing" && deposit.closing_at !== null;
  fill(line, {
    label: deposit.label,
    made: say("made", { date: dateTime(deposit.created_at) }),
    ending: isEnding ? say("ending", { date: date(deposit.closing_at) }) : "",
  });
  /** @type {HTMLInputElement} */ (one("input", line)).value = deposit.deposit;
  return line;
}

/** @param {HTMLFormElement} from */
async function chooseKey(from) {
  const wanted = typed(from, "deposit");
  const found = state.deposits.find((line) => line.deposit === wanted);
  if (found === undefined) throw new NotUsable("choose");
  wantProof(found, found.label);
}

/** @param {HTMLFormElement} from */
async function chooseProof(from) {
  state.proof = typed(from, "proof");
  if (!state.proof) throw new NotUsable("choose_proof");
  const answer = say(`proof.${state.proof}`);
  const wanted = { app: state.proof.startsWith("totp"), kit: state.proof.endsWith("kit") };
  state.after = wanted.app && wanted.kit ? askForKit : goOn;
  if (wanted.app) return steps.go("app", answer);
  if (wanted.kit) return askForKit(answer);
  await goOn(answer);
}

/** @param {string} [answer] */
async function askForKit(answer) {
  await kitForm();
  state.after = goOn;
  steps.go("kit", answer);
}

/** @param {string} [answer] */
async function goOn(answer) {
  const { takeUp } = await later();
  await takeUp(answer);
}

/** @param {HTMLFormElement} from */
async function giveAppCode(from) {
  await enterTotp(client, state.login, state.deposit.account, digits(from, "code"));
  from.reset();
  await state.after();
}

/** @param {HTMLFormElement} from */
async function giveKit(from) {
  const { deposit } = state.deposit;
  const found = await (await kitForm()).read(client, { role: "customer", deposit });
  state.piece?.wipe();
  state.piece = found;
  from.reset();
  await state.after();
}

/** Who is signed in on this device need not read her mail. */
async function begin() {
  const session = await present(client).catch(() => null);
  showPart("steps");
  if (session?.level !== "full" || session.login === null) return steps.begin("address");
  state.login = session.login;
  steps.begin("address");
  try {
    await chooseOf(say("signed_in"));
    steps.close();
  } catch (error) {
    complain(form("address"), sentence(error));
  }
}

onSend(form("address"), giveAddress, "address");
onSend(form("code"), giveCode, "code");
onSend(form("key"), chooseKey);
onSend(form("proof"), chooseProof, "open");
onSend(form("app"), giveAppCode, "app");
onSend(form("kit"), giveKit, "kit");
one("[data-resend]").addEventListener("click", resend);
leaveNothingBehind();
void begin();
