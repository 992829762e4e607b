// Keeping something safe: its name, the key itself, who else holds a piece, the wait; then it is cut,
// the kit goes on paper, and the invitations go out. Nothing is sent before the last answer.

import { serviceKeys, ownAddresses } from "../../client/enrol.js";
import { checkContacts, proposedNeeded } from "../../client/planning.js";
import { present } from "../../client/signin.js";
import { backupPassword } from "../../client/strength.js";
import { wipe } from "../../platform/bytes.js";
import { duration } from "../../ui/dates.js";
import { all, fill, one, showIf, showPart } from "../../ui/dom.js";
import { NotUsable, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { goToSignIn } from "../../ui/session.js";
import { copyButtons, leaveNothingBehind } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { client, form, memory, state, steps } from "./state.js";

const DAY_SECONDS = 86400;
const MOST_SECRET_BYTES = 64 * 1024;
const secretField = /** @type {HTMLTextAreaElement} */ (one("#secret"));

/** @param {HTMLFormElement} from */
async function giveLabel(from) {
  state.label = typed(from, "label");
  if (!state.label || state.label.length > 80) throw new NotUsable("label.empty");
  steps.go("secret", state.label);
}

/** Put a fresh password into the field, where she sees it. */
function makePassword() {
  const made = backupPassword();
  secretField.value = new TextDecoder().decode(made);
  wipe(made);
  showIf(form("secret"), { made: true });
}

async function giveSecret() {
  const file = /** @type {HTMLInputElement} */ (one("#secret-file")).files?.[0];
  const text = secretField.value.replace(/[\r\n]+$/, "");
  if (file !== undefined && text) throw new NotUsable("secret.both");
  if (file === undefined && !text) throw new NotUsable("secret.empty");
  if (file !== undefined && file.size > MOST_SECRET_BYTES) throw new NotUsable("secret.long");
  const bytes = file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(text);
  if (bytes.length === 0) throw new NotUsable("secret.empty");
  if (bytes.length > MOST_SECRET_BYTES) throw new NotUsable("secret.long");
  wipe(state.secret);
  state.secret = bytes;
  steps.go("contacts", file ? file.name : say("secret.given"));
}

/** @param {HTMLFormElement} from */
async function giveContacts(from) {
  const count = Number(typed(from, "count"));
  const given = [0, 1, 2].slice(0, count).map((i) => ({
    name: typed(from, `name-${i}`),
    address: typed(from, `address-${i}`),
  }));
  const needed = proposedNeeded(count);
  state.contacts = checkContacts(given, needed, state.own);
  state.needed = needed;
  const names = state.contacts.map((each) => each.name).join(", ");
  steps.go("wait", names || say("contacts.none"));
}

/** @param {HTMLFormElement} from */
async function giveWait(from) {
  state.waitingSeconds = Number(typed(from, "days")) * DAY_SECONDS;
  const wait = duration(state.waitingSeconds);
  fill(form("make"), { label: state.label, wait, who: state.contacts.map((each) => each.name).join(", ") || say("contacts.none") });
  steps.go("make", wait);
}

/** @param {HTMLFormElement} from */
async function make(from) {
  fill(from, { busy: say("busy.cutting", { done: 0, all: 1 }) });
  try {
    const { cut } = await import("./making.js");
    await cut(from);
  } finally {
    fill(from, { busy: "" });
  }
  secretField.value = "";
  for (const field of all("input[type=file]")) /** @type {HTMLInputElement} */ (field).value = "";
}

/** Show the fields of as many contacts as were chosen. */
function showContacts() {
  const from = form("contacts");
  const count = Number(typed(from, "count"));
  for (const [i, one_] of all("[data-contact]", from).entries()) one_.hidden = i >= count;
  showIf(from, { alone: count === 0 });
}

/** Who is not signed in is shown how to become a customer; who is, begins. */
async function begin() {
  try {
    const session = await present(client);
    if (session?.level !== "full") return state.replaces === null ? showPart("visitor") : goToSignIn();
    state.session = session;
    state.own = await ownAddresses(client, session.account);
    state.service = await serviceKeys(client, memory);
    if (state.replaces !== null) await (await import("./before.js")).proposeAsBefore(state.replaces);
    showIf(document, { replaces: state.replaces !== null });
    showContacts();
    showPart("steps");
    steps.begin("label");
  } catch (error) {
    showPart("failed");
    fill(document, { failed: sentence(error) });
  }
}

onSend(form("label"), giveLabel);
onSend(form("secret"), giveSecret, "secret");
onSend(form("contacts"), giveContacts, "contacts");
onSend(form("wait"), giveWait);
onSend(form("make"), make, "make");
one("[data-act=password]").addEventListener("click", makePassword);
for (const choice of all('[name="count"]')) choice.addEventListener("change", showContacts);
one("[data-again]").addEventListener("click", begin);
copyButtons();
leaveNothingBehind();
showContacts();
void begin();
