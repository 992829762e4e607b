// Who is signed in, and the fresh code of the authenticator app that some acts want.

import { ClientError } from "../client/errors.js";
import { Api, Problem } from "./api.js";
import { one } from "./dom.js";
import { complain, digits, onSend } from "./forms.js";

/** @typedef {{ session: string, login: string | null, account: string, expires_at: number }} Session */
/** @typedef {{ post(path: string, body: object): Promise<any> }} Line whoever sends the code */

/**
 * Return the session of the cookie, or null.
 * @param {Api} api
 * @returns {Promise<Session | null>}
 */
export async function presentSession(api) {
  try {
    const { sessions } = await api.get("sessions");
    const found = sessions.find((/** @type {any} */ line) => line.is_current);
    return found?.level === "full" ? found : null;
  } catch (error) {
    if (error instanceof Problem && error.code === "unauthenticated") return null;
    throw error;
  }
}

/** Go to the sign-in, and come back here afterwards. */
export function goToSignIn() {
  location.replace(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/**
 * Run an act; if it wants a fresh code of the app, ask for one and run it again. Resolves to false
 * when the visitor thought better of it.
 * @param {Line} api
 * @param {Session} session
 * @param {() => Promise<void>} act
 * @returns {Promise<boolean>}
 */
export async function withFreshCode(api, session, act) {
  try {
    await act();
    return true;
  } catch (error) {
    const isKnown = error instanceof Problem || error instanceof ClientError;
    if (!isKnown || error.code !== "step_up_required") throw error;
  }
  if (!(await askForCode(api, session))) return false;
  await act();
  return true;
}

/** @type {((ok: boolean) => void) | null} */
let answer = null;

/**
 * @param {Line} api
 * @param {Session} session
 * @returns {Promise<boolean>}
 */
function askForCode(api, session) {
  const dialog = /** @type {HTMLDialogElement} */ (one("dialog#fresh-code"));
  const form = /** @type {HTMLFormElement} */ (one("form", dialog));
  if (dialog.dataset.ready === undefined) {
    dialog.dataset.ready = "";
    dialog.addEventListener("close", () => answer?.(dialog.returnValue === "ok"));
    one("[data-cancel]", dialog).addEventListener("click", () => dialog.close("cancel"));
    onSend(form, async () => {
      const code = digits(form, "code");
      await api.post(`logins/${session.login}/totp`, { account: session.account, code, cookie: true });
      dialog.close("ok");
    });
  }
  form.reset();
  complain(form, "");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    answer = done;
  });
}
