// One key: its pieces and their proofs, a running recovery and the button that stops it, its history.

import { advice } from "../../ui/advice.js";
import { Api, pause } from "../../ui/api.js";
import { calendar } from "../../ui/calendar.js";
import { date, duration, now } from "../../ui/dates.js";
import { all, copyOf, fill, one, showIf } from "../../ui/dom.js";
import { documentIn } from "../../ui/encoding.js";
import { complain, onSend, typed } from "../../ui/forms.js";
import { lines } from "../../ui/history.js";
import { load } from "../../ui/load.js";
import { sentence } from "../../ui/problems.js";
import { reasons } from "../../ui/proposing.js";
import { withFreshCode } from "../../ui/session.js";
import { isSure } from "../../ui/sure.js";
import { draw, isDue } from "../../ui/ways.js";
import { grouped, leaveNothingBehind } from "../../ui/widgets.js";
import { count, say } from "../../ui/words.js";

/** @typedef {import("../../ui/ways.js").Piece} Piece */

const COUNTED_SECONDS = 10;
const api = new Api();
const page = one("[data-deposit]");
const identifier = page.dataset.deposit ?? "";
/** @type {import("../../ui/session.js").Session} */
let session;
/** @type {any} */
let deposit;
/** @type {any} */
let recovery;

/** @param {Piece} piece */
function nameOf(piece) {
  if (piece.role === "customer") return say("you");
  return piece.role === "provider" ? say("we") : (piece.name ?? say("contact"));
}

/**
 * Return how a piece is, as a word of the page, and the kind of its mark.
 * @param {Piece} piece
 */
function held(piece) {
  if (piece.paused) return ["paused", "warn"];
  if (piece.state === "invited") return [piece.role === "contact" ? "invited" : "unshown", "wait"];
  if (piece.state !== "held") return [piece.state, "bad"];
  return isDue(piece, now()) ? ["due", "warn"] : ["held", "good"];
}

/**
 * Say when the piece itself was shown, and when a check showed that it is still there.
 * @param {Piece} piece
 */
function provenDates({ last_share_at: share, last_check_at: check }) {
  const names = [share && "shown", check && "checked"].filter(Boolean);
  if (!names.length) return "";
  return say(`proven.${names.join(".")}`, { shown: date(share ?? 0), checked: date(check ?? 0) });
}

/** @param {Piece} piece */
function pieceLine(piece) {
  const line = copyOf("piece");
  const [word, kind] = held(piece);
  const isOpen = piece.role === "contact" && piece.state === "invited";
  const until = isOpen && !piece.paused && piece.invited_until !== null;
  fill(line, {
    name: nameOf(piece),
    state: say(`held.${word}`),
    proven: provenDates(piece),
    address: [piece.address, until ? say("until", { date: date(piece.invited_until ?? 0) }) : ""].filter(Boolean).join(" · "),
  });
  one(".mark", line).dataset.kind = kind;
  const can = { resume: piece.paused, withdraw: isOpen, lost: piece.role !== "provider" && piece.state === "held" };
  for (const button of all("[data-do]", line)) {
    const name = /** @type {"resume" | "withdraw" | "lost"} */ (button.dataset.do);
    button.hidden = !can[name];
    button.addEventListener("click", () => act(name, `custodies/${piece.custody}/${name}`, name !== "resume"));
  }
  one(".actions", line).hidden = !Object.values(can).some(Boolean);
  return line;
}

/** @param {any} draft */
function draftCard(draft) {
  const line = copyOf("draft");
  const places = { n: draft.proven.length, needed: draft.proofs_needed };
  fill(line, { number: grouped(draft.recovery), vouched: say("vouched", places) });
  one("[data-do]", line).addEventListener("click", () =>
    attempt("delete", () => api.delete(`recoveries/${draft.recovery}`)),
  );
  return line;
}

/**
 * Do what a button says, after asking where one more press would not undo it.
 * @param {string} name
 * @param {string} path
 * @param {boolean} ask
 */
async function act(name, path, ask) {
  if (ask && !(await isSure(name))) return;
  await attempt(name, () => api.post(path));
}

/**
 * @param {string} name
 * @param {() => Promise<unknown>} run
 */
async function attempt(name, run) {
  complain(page, "");
  try {
    await run();
    await show(session);
    tell(say(`done.${name}`));
  } catch (error) {
    complain(page, sentence(error));
    one("[role=alert]", page).scrollIntoView({ block: "nearest" });
  }
}

/** @param {string} text */
function tell(text) {
  fill(page, { done: text });
  one("[role=status]", page).focus();
  one("h1").scrollIntoView({ block: "start" });
}

/** @param {HTMLFormElement} form */
async function close(form) {
  const reason = typed(form, "reason");
  const closed = await withFreshCode(api, session, async () => {
    await api.post(`deposits/${identifier}/close`, { reason });
  });
  if (!closed) return;
  await show(session);
  tell(say("done.close", { date: date(deposit.closing_at) }));
}

async function showHistory() {
  fill(page, { history: say("history.loading") });
  try {
    const names = new Map(deposit.custodies.map((/** @type {Piece} */ piece) => [piece.custody, nameOf(piece)]));
    const { provenHistory } = await import("../../ui/provenhistory.js");
    const line = await import("./line.js");
    const path = `deposits/${identifier}/events`;
    const pinned = documentIn(deposit.manifest).ledger_vkey;
    const found = await provenHistory(line, identifier, path, pinned, (done, all) =>
      fill(page, { history: say("history.checking", { done, all }) }),
    );
    one("ol.history").replaceChildren(...lines(found, names));
    fill(page, { history: found.length === 0 ? say("history.none") : count("history.proven", found.length) });
  } catch (error) {
    one("ol.history").replaceChildren();
    fill(page, { history: sentence(error) });
  }
}

/** @returns {Piece} */
function kitPiece() {
  return deposit.custodies.find((/** @type {Piece} */ piece) => piece.role === "customer");
}

/** Whether the kit was shown once: until then the enrolment is not finished. */
function isFinished() {
  return kitPiece().state !== "invited";
}

/** Show the key anew until what was just shown counts: the service notes it within seconds. */
async function untilCounted() {
  for (let tries = 0; tries < COUNTED_SECONDS; tries += 1) {
    await show(session);
    if (isFinished() && deposit.state !== "pending") return;
    await pause(1);
  }
}

let isPrepared = false;

/** Load what reads kits, once it is wanted. */
async function prepareKit() {
  if (isPrepared || !(/** @type {HTMLDetailsElement} */ (one("[data-kit]")).open)) return;
  isPrepared = true;
  try {
    const { prepare } = await import("./kit.js");
    prepare({ deposit: identifier, custody: kitPiece().custody, isFinished }, async (name) => {
      await untilCounted();
      tell(say(`done.${name}`));
    });
    showIf(page, { prepared: true });
  } catch (error) {
    isPrepared = false;
    complain(page, sentence(error));
  }
}

/** @param {import("../../ui/session.js").Session} present */
async function show(present) {
  session = present;
  const [found, running, account] = await Promise.all([
    api.get(`deposits/${identifier}`),
    api.get(`deposits/${identifier}/recoveries`),
    api.get(`accounts/${session.account}`),
  ]);
  deposit = found;
  recovery = running.recovery;
  const { contacts, waiting_seconds } = documentIn(deposit.manifest);
  const { kind, state, next } = advice(deposit, contacts.needed, now());
  one("h1").textContent = deposit.label;
  document.title = `${deposit.label} – ${document.title.split(" – ").pop()}`;
  fill(page, { state, next: recovery === null ? next : "", done: "", reason: recovery?.reason, wait: say("wait", { wait: duration(waiting_seconds) }) });
  one("#state-title .mark").dataset.kind = kind;
  draw(one(".picture", page), deposit, contacts.needed, now());
  showIf(page, {
    closing: deposit.state === "closing",
    recovery: recovery !== null,
    kit: ["invited", "held", "lost"].includes(kitPiece().state) && deposit.state !== "closed",
    finished: isFinished(),
    unfinished: !isFinished(),
    endable: deposit.state === "active" || deposit.state === "complete" || deposit.state === "pending",
  });
  one("[data-calendar]").replaceChildren(...(recovery === null ? [] : calendar(recovery)));
  one("[data-drafts]").replaceChildren(...running.drafts.map(draftCard));
  one("[data-pieces]").replaceChildren(...deposit.custodies.map(pieceLine));
  propose();
  showAddresses(account.addresses);
  if (!isFinished()) one("[data-kit]").setAttribute("open", "");
  if (/** @type {HTMLDetailsElement} */ (one("[data-history]")).open) await showHistory();
}

/** Say why a new key in the place of this one would be better, if anything is amiss. */
function propose() {
  const found = reasons(deposit, now());
  showIf(page, { proposed: found.length > 0 });
  one("[data-reasons]").replaceChildren(...found.map(item));
}

/** @param {{ address: string, verified_at: number | null }[]} addresses */
function showAddresses(addresses) {
  const confirmed = addresses.filter((line) => line.verified_at !== null);
  one("[data-addresses]").replaceChildren(...confirmed.map((line) => item(line.address)));
}

/** @param {string} text */
function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

one('[data-act="veto"]').addEventListener("click", () =>
  attempt("veto", () => api.post(`recoveries/${recovery.recovery}/veto`)),
);
one('[data-act="reopen"]').addEventListener("click", () =>
  attempt("reopen", () => api.post(`deposits/${identifier}/reopen`)),
);
one("[data-history]").addEventListener("toggle", showHistory);
one("[data-kit]").addEventListener("toggle", prepareKit);
onSend(/** @type {HTMLFormElement} */ (one("[data-close]")), close, "close");
leaveNothingBehind();
load(api, show);
