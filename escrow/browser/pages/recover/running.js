// A request that is under way: opened here or on another day; its wait, what holds it, what ends it.

import { openLedger } from "../../client/ledgerkeys.js";
import { newIdentifier } from "../../client/received.js";
import * as recover from "../../client/recover.js";
import { ServiceError } from "../../client/http.js";
import { number } from "../../protocol/release.js";
import { calendar } from "../../ui/calendar.js";
import { copyOf, fill, one, showIf } from "../../ui/dom.js";
import { date, dateTime } from "../../ui/dates.js";
import { NotUsable, complain, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { isSure } from "../../ui/sure.js";
import { grouped } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";
import { collect } from "./collecting.js";
import { client, form, kitForm, memory, state, steps } from "./state.js";

/** @typedef {import("./state.js").Document} Document */

const LOOK_SECONDS = 10;
const running = form("running");
let isLooking = false;

/**
 * Go on where the service stands: with the recovery that is under way, with one of the drafts, or
 * with a new request.
 * @param {string} [answer] to the step before
 */
export async function takeUp(answer) {
  const found = await recover.underWay(client, state.deposit.deposit);
  if (found.recovery !== null) return show(found.recovery, answer);
  if (state.proof.endsWith("contacts") && found.drafts.length > 0) return offerDrafts(found.drafts, answer);
  state.wanted = newIdentifier();
  steps.go("reason", answer);
}

/**
 * A stranger with access to the mailbox may have made a draft too: the person says which is hers.
 * @param {Document[]} drafts
 * @param {string} [answer]
 */
function offerDrafts(drafts, answer) {
  const lines = drafts.map((draft) => {
    const line = copyOf("draft-choice");
    fill(line, { number: grouped(number(draft.recovery)), made: dateTime(draft.opened_at) });
    /** @type {HTMLInputElement} */ (one("input", line)).value = draft.recovery;
    return line;
  });
  one("[data-drafts]").replaceChildren(...lines);
  steps.go("drafts", answer);
}

/** @param {HTMLFormElement} from */
async function chooseDraft(from) {
  const wanted = typed(from, "draft");
  if (!wanted) throw new NotUsable("choose_draft");
  if (wanted !== "new") return show(await recover.read(client, wanted));
  state.wanted = newIdentifier();
  steps.go("reason");
}

/** @param {HTMLFormElement} from */
async function giveReason(from) {
  state.after = () => ask(typed(from, "reason"));
  try {
    await state.after();
  } catch (error) {
    if (!wantsCode(error)) throw error;
    steps.go("app");
  }
}

/** @param {unknown} error */
function wantsCode(error) {
  return error instanceof ServiceError && error.code === "step_up_required";
}

/** @param {string} reason */
async function ask(reason) {
  const { piece, proof, wanted } = state;
  const ledger = piece && (await openLedger(client, memory, piece.manifest.ledgerVkey, piece.checkpoint)).ledger;
  const asked = { deposit: state.deposit.deposit, proof, reason, recovery: wanted, piece, ledger };
  show(await recover.open(client, asked), reason || say("no_reason"));
}

/**
 * @param {Document} document the recovery's
 * @param {string} [answer]
 */
function show(document, answer) {
  state.running = document;
  render();
  if (steps.current !== "running") steps.go("running", answer);
  steps.close();
  void look();
}

function render() {
  const document = state.running;
  const { step } = recover.stepOf(document);
  const isDraft = step === "vouch";
  const lines = isDraft || step === "over" ? [] : calendar(document);
  one("[data-calendar]").replaceChildren(...lines);
  showIf(running, Object.fromEntries(["vouch", "notices", "wait", "begin", "hold", "over"].map((name) => [name, name === step])));
  showIf(running, { told: step === "notices" || step === "wait", stoppable: step !== "over" && !isDraft, draft: isDraft });
  fill(running, {
    key: state.deposit.label,
    number: isDraft ? grouped(number(document.recovery)) : "",
    vouched: isDraft ? say("vouched", { n: document.proven.length, needed: document.proofs_needed }) : "",
    until: isDraft ? say("draft_until", { date: date(document.expires_at ?? document.opened_at) }) : "",
    from: step === "wait" ? say("from", { when: dateTime(document.ready_at ?? 0) }) : "",
    hold: document.hold_reason,
    over: step === "over" ? say(`over.${document.state}`) : "",
  });
}

/** Look from time to time how it stands, as long as it is shown. */
async function look() {
  if (isLooking) return;
  isLooking = true;
  try {
    while (steps.current === "running" && recover.stepOf(state.running).step !== "over") {
      await client.pause(LOOK_SECONDS);
      if (steps.current !== "running") break;
      await lookOnce();
    }
  } catch {
    // The page is left, or there is no line; the button looks once more.
  } finally {
    isLooking = false;
  }
}

async function lookOnce() {
  const before = state.running.state;
  state.running = await recover.read(client, state.running.recovery);
  render();
  const isOver = recover.stepOf(state.running).step === "over";
  fill(running, { news: before !== state.running.state && !isOver ? say("news") : "" });
}

/** @param {() => Promise<void>} act */
async function attempt(act) {
  complain(running, "");
  fill(running, { news: "" });
  try {
    await act();
    void look();
  } catch (error) {
    complain(running, sentence(error, "running"));
    one("[role=alert]", running).scrollIntoView({ block: "nearest" });
  }
}

async function stop() {
  if (!(await isSure("veto"))) return;
  await recover.veto(client, state.running.recovery);
  await lookOnce();
}

async function withdraw() {
  if (!(await isSure("withdraw"))) return;
  await recover.withdraw(client, state.running.recovery);
  state.running = { ...state.running, state: "withdrawn" };
  render();
}

async function begin() {
  const { endsAnother } = recover.stepOf(state.running);
  if (endsAnother && !(await isSure("anew"))) return;
  const needsKit = state.running.proof.endsWith("kit");
  if (!needsKit || state.piece !== null) return collectOrAsk();
  await kitForm();
  state.after = collectOrAsk;
  steps.go("kit");
}

/** Collect; where a fresh code of the app is wanted too, after that. */
async function collectOrAsk() {
  state.after = collect;
  try {
    await collect();
  } catch (error) {
    if (!wantsCode(error)) throw error;
    steps.go("app");
  }
}

onSend(form("reason"), giveReason, "open");
onSend(form("drafts"), chooseDraft);
const acts = { look: lookOnce, stop, withdraw };
for (const [name, act] of Object.entries(acts)) {
  one(`[data-act="${name}"]`, running).addEventListener("click", () => attempt(act));
}
one("[data-act=begin]", running).addEventListener("click", () => attempt(begin));
