// From the plan to a deposit that works: cut, sent, held by the provider; the kit; the invitations.

import { Enrolment } from "../../client/enrol.js";
import { ServiceError } from "../../client/http.js";
import { wipe } from "../../platform/bytes.js";
import { drawCode } from "../../ui/code.js";
import { fill, one, showIf } from "../../ui/dom.js";
import { complain, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { saveFile } from "../../ui/saving.js";
import { withFreshCode } from "../../ui/session.js";
import { showKit } from "../../ui/sheets.js";
import { flash, grouped } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { client, form, state, steps } from "./state.js";

/** @typedef {import("../../client/made.js").Invited} Invited */

const CLOCK_FIELD = "manifest.created_at";
const kit = form("kit");
const invite = form("invite");
const room = /** @type {HTMLCanvasElement} */ (one("[data-room]", invite));
let shown = 0;

/**
 * Cut the key, send the pieces, and wait until the provider holds its own. What was sent once is sent
 * again as it is when the line broke; nothing of the plan is lost by an error.
 * @param {HTMLFormElement} from
 */
export async function cut(from) {
  const enrolment = state.enrolment ?? (await made(from));
  state.enrolment = enrolment;
  state.isUnfinished = true;
  fill(from, { busy: say("busy.sending") });
  try {
    await sent(enrolment);
    fill(from, { busy: say("busy.provider") });
    await enrolment.waitForProvider();
  } finally {
    fill(from, { busy: "" });
  }
  wipe(state.secret);
  state.emptySheet = showKit(enrolment.paper);
  steps.go("kit", say("cut"));
  steps.close();
}

/** @param {HTMLFormElement} from */
async function made(from) {
  const { service, label, secret, contacts, needed, waitingSeconds, replaces } = state;
  if (service === null) throw new TypeError("no service");
  const plan = {
    label,
    secret: new Uint8Array(secret),
    contacts,
    needed,
    waitingSeconds,
    contactsReplaceTotp: false,
    replaces,
    url: location.origin,
  };
  const progress = (/** @type {number} */ done, /** @type {number} */ all) =>
    fill(from, { busy: say("busy.cutting", { done, all }) });
  fill(from, { busy: say("busy.cutting", { done: 0, all: 1 }) });
  return Enrolment.make(client, service, plan, { ownAddresses: state.own, progress });
}

/** @param {Enrolment} enrolment */
async function sent(enrolment) {
  try {
    const session = /** @type {import("../../ui/session.js").Session} */ (state.session);
    if (!(await withFreshCode(client, session, () => enrolment.send()))) throw new ServiceError(0, "step_up_required");
  } catch (error) {
    // Too late, or a clock that is wrong: it is made anew at the next press.
    const isLate = error instanceof ServiceError && error.details.field === CLOCK_FIELD;
    if (isLate) {
      enrolment.wipe();
      state.enrolment = null;
    }
    throw error;
  }
}

/** @returns {Enrolment} */
function present() {
  if (state.enrolment === null) throw new TypeError("no enrolment");
  return state.enrolment;
}

function saveKit() {
  saveFile("kit.escrow.json", present().kitFile, "application/json");
  flash(one("[data-act=save]", kit), say("saved"));
}

/** @param {HTMLFormElement} from */
async function confirmKit(from) {
  await present().confirmKit(typed(from, "digits"));
  from.reset();
  state.emptySheet();
  if (present().invitations.length === 0) return finish();
  shown = 0;
  showInvitation();
  steps.go("invite", say("kit.safe"));
  steps.close();
}

/** Show one contact's link and digits, which go two ways. */
function showInvitation() {
  const { invitations } = present();
  const invited = invitations[shown];
  const link = one("#invitation-link", invite);
  link.textContent = invited.link;
  one("#invitation-digits", invite).textContent = grouped(invited.digits);
  drawCode(room, invited.inPerson);
  fill(invite, { who: invited.contact.name, place: say("place", { n: shown + 1, all: invitations.length }) });
  const body = say("letter", { who: invited.contact.name, link: invited.link });
  const subject = encodeURIComponent(say("letter.subject"));
  const draft = /** @type {HTMLAnchorElement} */ (one("[data-draft]", invite));
  draft.href = `mailto:${encodeURIComponent(invited.contact.address)}?subject=${subject}&body=${encodeURIComponent(body)}`;
  showIf(invite, { share: "share" in navigator });
}

async function share() {
  const { link, contact } = present().invitations[shown];
  complain(invite, "");
  try {
    await navigator.share({ text: say("letter", { who: contact.name, link }) });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) complain(invite, sentence(error));
  }
}

async function nextInvitation() {
  shown += 1;
  if (shown < present().invitations.length) {
    showInvitation();
    one("h2", invite).focus();
    return;
  }
  finish();
}

function finish() {
  const { deposit } = present();
  for (const id of ["#invitation-link", "#invitation-digits"]) one(id).textContent = "";
  one("[data-draft]").setAttribute("href", "#");
  room.width = 0;
  present().wipe();
  state.isUnfinished = false;
  showIf(form("done"), { asked: state.contacts.length > 0, alone: state.contacts.length === 0 });
  /** @type {HTMLAnchorElement} */ (one("[data-deposit-link]")).href = `/deposits/${deposit}`;
  steps.go("done");
  steps.close();
}

onSend(kit, confirmKit, "kit");
onSend(invite, nextInvitation);
one("[data-act=print]", kit).addEventListener("click", () => print());
one("[data-act=save]", kit).addEventListener("click", saveKit);
one("[data-act=share]", invite).addEventListener("click", share);
