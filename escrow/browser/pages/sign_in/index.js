// Sign in: address, code of the mail, which account, code of the app. Then the session is a cookie.

import { Api } from "../../ui/api.js";
import { date } from "../../ui/dates.js";
import { all, copyOf, fill, one, showPart } from "../../ui/dom.js";
import { NotUsable, address, complain, digits, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { presentSession } from "../../ui/session.js";
import { Steps } from "../../ui/steps.js";
import { leaveNothingBehind } from "../../ui/widgets.js";
import { language, say } from "../../ui/words.js";

const NEXT = /^\/(deposits(\/[0-9a-f]{32})?|account|recover|enrol(\?replaces=[0-9a-f]{32})?)$/;
const api = new Api();
const state = { address: "", login: "", account: "" };
const steps = new Steps(one("[data-steps]"));

/** @param {string} name */
function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

/** Where the visitor wanted to be: a page of ours, or else the list of keys. */
function wanted() {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  return NEXT.test(next) ? next : "/deposits";
}

async function sendCode() {
  api.token = null;
  state.login = (await api.post("logins", { address: state.address, locale: language() })).login;
}

/** @param {HTMLFormElement} from */
async function giveAddress(from) {
  state.address = address(from, "address");
  await sendCode();
  fill(form("code"), { address: state.address, resent: "" });
  form("code").reset();
  steps.go("code", state.address);
}

/** @param {HTMLFormElement} from */
async function giveCode(from) {
  const found = await api.post(`logins/${state.login}/code`, { code: digits(from, "code") });
  api.token = found.token;
  if (found.accounts.length === 1) {
    state.account = found.accounts[0].account;
    steps.go("app", "✓");
    steps.close();
    return;
  }
  await listAccounts(found.accounts);
  steps.go("account", "✓");
  steps.close();
}

/** @param {{ account: string, created_at: number }[]} accounts */
async function listAccounts(accounts) {
  const { deposits } = await api.get("deposits");
  const choices = accounts.map(({ account, created_at }) => {
    const mine = deposits.filter((/** @type {any} */ line) => line.account === account);
    const labels = mine.map((/** @type {any} */ line) => line.label).join(", ");
    const choice = copyOf("account-choice");
    fill(choice, { labels: labels || say("no_keys"), made: say("made", { date: date(created_at) }) });
    /** @type {HTMLInputElement} */ (one("input", choice)).value = account;
    return choice;
  });
  one("[data-accounts]").replaceChildren(...choices);
}

/** @param {HTMLFormElement} from */
async function chooseAccount(from) {
  state.account = typed(from, "account");
  if (!state.account) throw new NotUsable("choose");
  const label = one(":checked + span strong", from).textContent;
  steps.go("app", label);
}

/** @param {HTMLFormElement} from */
async function giveAppCode(from) {
  const body = { account: state.account, code: digits(from, "code"), cookie: true };
  await api.post(`logins/${state.login}/totp`, body);
  api.token = null;
  location.replace(wanted());
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

async function signOut() {
  const session = await presentSession(api);
  if (session !== null) await api.delete(`sessions/${session.session}`);
  begin();
}

function begin() {
  showPart("steps");
  steps.begin("address");
}

onSend(form("address"), giveAddress, "address");
onSend(form("code"), giveCode, "code");
onSend(form("account"), chooseAccount);
onSend(form("app"), giveAppCode, "app");
one("[data-resend]").addEventListener("click", resend);
onSend(/** @type {HTMLFormElement} */ (all("[data-sign-out]")[0]), signOut);
leaveNothingBehind();

presentSession(api).then(
  (session) => (session === null ? begin() : showPart("signed-in")),
  () => begin(),
);
