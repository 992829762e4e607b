// After a recovery: whoever has completed it sets the authenticator app anew, without the old one.

import { showIf, fill, one } from "../../ui/dom.js";
import { digits, onSend } from "../../ui/forms.js";
import { hideTotp, showTotp } from "../../ui/totp.js";
import { copyButtons } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { client, state } from "./state.js";

const step = one('[data-step="done"]');
const begin = /** @type {HTMLFormElement} */ (one("[data-begin-app]", step));
const confirm = /** @type {HTMLFormElement} */ (one("[data-confirm-app]", step));
const path = () => `accounts/${state.deposit.account}/totp`;
let isOffered = false;

/** Show the button, once the recovery is completed. */
export function offerApp() {
  showIf(step, { app: true });
  if (isOffered) return;
  isOffered = true;
  onSend(begin, beginApp);
  onSend(confirm, confirmApp, "new_app");
  copyButtons(confirm);
  addEventListener("pagehide", () => hideTotp(confirm));
}

async function beginApp() {
  const made = await client.post(path(), {});
  showTotp(confirm, /** @type {Parameters<typeof showTotp>[1]} */ (made));
  begin.hidden = true;
  confirm.hidden = false;
}

/** @param {HTMLFormElement} from */
async function confirmApp(from) {
  await client.post(`${path()}/confirm`, { code: digits(from, "code"), cookie: true });
  client.bearer = null; // from now on she is signed in, by the cookie
  hideTotp(confirm);
  confirm.hidden = true;
  fill(step, { app: say("done.app") });
}
