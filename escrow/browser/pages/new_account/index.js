// A new account: address, code of the mail, authenticator app, and a second address if there is one.

import { Api } from "../../ui/api.js";
import { all, fill, one, showPart } from "../../ui/dom.js";
import { address, complain, digits, onSend } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { Steps } from "../../ui/steps.js";
import { hideTotp, showTotp } from "../../ui/totp.js";
import { copyButtons, leaveNothingBehind } from "../../ui/widgets.js";
import { language, say } from "../../ui/words.js";

const api = new Api();
const state = { address: "", account: "", second: "", secondId: "" };
const steps = new Steps(one("[data-steps]"));

/** @param {string} name */
function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-step="${name}"]`));
}

/** @param {HTMLFormElement} from */
async function giveAddress(from) {
  const wanted = address(from, "address");
  api.token = null;
  const made = await api.post("accounts", { address: wanted, locale: language() });
  Object.assign(state, { address: wanted, account: made.account });
  api.token = made.token;
  fill(form("code"), { address: wanted, resent: "" });
  form("code").reset();
  steps.go("code", wanted);
}

/** @param {HTMLFormElement} from */
async function giveCode(from) {
  const made = await api.post(`accounts/${state.account}/code`, { code: digits(from, "code") });
  showTotp(form("app"), made);
  steps.go("app", "✓");
  steps.close();
}

/** @param {HTMLFormElement} from */
async function confirmApp(from) {
  const body = { code: digits(from, "code"), cookie: true };
  await api.post(`accounts/${state.account}/totp/confirm`, body);
  api.token = null;
  hideTotp(from);
  steps.go("second", say("confirmed"));
  steps.close();
}

/** @param {HTMLFormElement} from */
async function giveSecond(from) {
  state.second = address(from, "address");
  const made = await api.post(`accounts/${state.account}/addresses`, { address: state.second });
  state.secondId = made.id;
  fill(form("second-code"), { second: state.second });
  form("second-code").reset();
  steps.go("second-code", state.second);
}

/** @param {HTMLFormElement} from */
async function giveSecondCode(from) {
  const path = `accounts/${state.account}/addresses/${state.secondId}/code`;
  await api.post(path, { code: digits(from, "code") });
  steps.go("done", "✓");
  steps.close();
}

async function resend() {
  const step = form("code");
  complain(step, "");
  try {
    await api.post(`accounts/${state.account}/code/resend`);
    fill(step, { resent: say("resent") });
  } catch (error) {
    complain(step, sentence(error));
  }
}

onSend(form("address"), giveAddress, "address");
onSend(form("code"), giveCode, "code");
onSend(form("app"), confirmApp, "app");
onSend(form("second"), giveSecond, "address");
onSend(form("second-code"), giveSecondCode, "code");
one("[data-resend]").addEventListener("click", resend);
for (const button of all("[data-skip]")) {
  button.addEventListener("click", () => {
    steps.go("done", say("skipped"));
    steps.close();
  });
}
copyButtons();
leaveNothingBehind();
showPart("steps");
steps.begin("address");
