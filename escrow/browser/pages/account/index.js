// The account: addresses, authenticator app, where one is signed in, closing and undoing it.

import { Api } from "../../ui/api.js";
import { date, dateTime } from "../../ui/dates.js";
import { copyOf, fill, one, showIf } from "../../ui/dom.js";
import { address, complain, digits, onSend, typed } from "../../ui/forms.js";
import { load } from "../../ui/load.js";
import { sentence } from "../../ui/problems.js";
import { saveReport } from "../../ui/saving.js";
import { withFreshCode } from "../../ui/session.js";
import { isSure } from "../../ui/sure.js";
import { hideTotp, showTotp } from "../../ui/totp.js";
import { copyButtons, flash, leaveNothingBehind } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";

const api = new Api();
const page = one("[data-page]");
/** @type {import("../../ui/session.js").Session} */
let session;
let added = "";

/** @param {string} name */
function form(name) {
  return /** @type {HTMLFormElement} */ (one(`[data-${name}]`));
}

const path = () => `accounts/${session.account}`;

/**
 * Do something that may want a fresh code, show what is now, and say what was done.
 * @param {string} done
 * @param {() => Promise<unknown>} run
 */
async function doing(done, run) {
  const ran = await withFreshCode(api, session, async () => void (await run()));
  if (!ran) return;
  await show(session);
  fill(page, { done });
  one("[role=status]", page).focus();
  one("h1").scrollIntoView({ block: "start" });
}

/**
 * The same for a button outside a form.
 * @param {string} context
 * @param {() => Promise<unknown>} run
 */
async function attempt(context, run) {
  complain(page, "");
  try {
    await run();
  } catch (error) {
    one("[role=alert] > *", page).textContent = sentence(error, context);
    one("[role=alert]", page).scrollIntoView({ block: "center" });
  }
}

/** @param {{ id: string, address: string, verified_at: number | null }} line */
function addressLine(line) {
  const item = copyOf("address");
  const confirmed = line.verified_at !== null;
  fill(item, { address: line.address, state: say(confirmed ? "confirmed" : "unconfirmed") });
  one(".mark", item).dataset.kind = confirmed ? "good" : "wait";
  one("button", item).addEventListener("click", () =>
    attempt("remove", async () => {
      if (!(await isSure("remove"))) return;
      await doing(say("done.removed"), () => api.delete(`${path()}/addresses/${line.id}`));
    }),
  );
  return item;
}

/** @param {any} line */
function sessionLine(line) {
  const item = copyOf("session");
  const since = say("since", { since: dateTime(line.created_at), until: dateTime(line.expires_at) });
  fill(item, { name: say(line.is_current ? "here" : "elsewhere"), since });
  one("button", item).addEventListener("click", () =>
    attempt("", async () => {
      const end = () => api.delete(`sessions/${line.session}`);
      if (!line.is_current) return doing(say("done.ended"), end);
      await end();
      location.assign("/");
    }),
  );
  return item;
}

/** @param {HTMLFormElement} from */
async function addAddress(from) {
  const wanted = address(from, "address");
  await withFreshCode(api, session, async () => {
    added = (await api.post(`${path()}/addresses`, { address: wanted })).id;
    fill(page, { new: wanted });
    form("add").hidden = true;
    form("confirm-address").hidden = false;
    one("#address-code").focus();
  });
}

/** @param {HTMLFormElement} from */
async function confirmAddress(from) {
  const code = digits(from, "code");
  await doing(say("done.added"), () => api.post(`${path()}/addresses/${added}/code`, { code }));
}

async function beginApp() {
  await withFreshCode(api, session, async () => {
    showTotp(form("confirm-app"), await api.post(`${path()}/totp`));
    form("begin-app").hidden = true;
    form("confirm-app").hidden = false;
  });
}

/** @param {HTMLFormElement} from */
async function confirmApp(from) {
  const code = digits(from, "code");
  await doing(say("done.app"), () => api.post(`${path()}/totp/confirm`, { code, cookie: true }));
}

/** @param {HTMLFormElement} from */
async function close(from) {
  const reason = typed(from, "reason");
  let until = 0;
  const ran = await withFreshCode(api, session, async () => {
    until = (await api.post(`${path()}/close`, { reason })).until;
  });
  if (ran) await doing(say("done.close", { date: date(until) }), async () => {});
}

async function takeData() {
  let data = "";
  const ran = await withFreshCode(api, session, async () => {
    ({ data } = await api.post(`${path()}/data`));
  });
  if (!ran) return;
  saveReport(data, "kept-data.json");
  flash(one("button", form("take")), say("saved"));
}

/** Put the forms back as they were at first. */
function reset() {
  for (const name of ["add", "confirm-address", "begin-app", "confirm-app", "close"]) form(name).reset();
  for (const name of ["confirm-address", "confirm-app"]) form(name).hidden = true;
  for (const name of ["add", "begin-app"]) form(name).hidden = false;
  for (const name of ["adding", "new-app"]) form(name).removeAttribute("open");
  hideTotp(form("confirm-app"));
}

/** @param {import("../../ui/session.js").Session} present */
async function show(present) {
  session = present;
  const [account, { sessions }] = await Promise.all([api.get(path()), api.get("sessions")]);
  const { closing_at, totp_changed_at } = account;
  const app = totp_changed_at === null ? say("app.first") : say("app", { date: date(totp_changed_at) });
  fill(page, { done: "", app, closing: closing_at === null ? "" : date(closing_at) });
  showIf(page, { closing: closing_at !== null, open: closing_at === null });
  one("[data-addresses]").replaceChildren(...account.addresses.map(addressLine));
  one("[data-sessions]").replaceChildren(...sessions.map(sessionLine));
  reset();
}

one('[data-act="reopen"]').addEventListener("click", () =>
  attempt("", () => doing(say("done.reopen"), () => api.post(`${path()}/reopen`))),
);
onSend(form("add"), addAddress, "address");
onSend(form("confirm-address"), confirmAddress, "code");
onSend(form("begin-app"), beginApp);
onSend(form("confirm-app"), confirmApp, "app");
onSend(form("take"), takeData);
onSend(form("close"), close);
copyButtons();
leaveNothingBehind();
load(api, show);
