// The list of one's keys: how each is doing, its picture, what to do next.

import { advice } from "../../ui/advice.js";
import { Api } from "../../ui/api.js";
import { date, now } from "../../ui/dates.js";
import { copyOf, fill, one, showIf } from "../../ui/dom.js";
import { documentIn } from "../../ui/encoding.js";
import { load } from "../../ui/load.js";
import { draw } from "../../ui/ways.js";
import { leaveNothingBehind } from "../../ui/widgets.js";
import { say } from "../../ui/words.js";

// What needs an answer stands first; else the oldest.
const URGENCY = ["alarm", "bad", "warn", "wait", "good"];
const api = new Api();

/** @returns {Promise<{ deposit: string }[]>} */
async function every() {
  const found = [];
  for (let query = ""; ; ) {
    const page = await api.get(`deposits${query}`);
    found.push(...page.deposits);
    if (page.next === null) return found;
    query = `?after=${page.next}`;
  }
}

/** @param {any} deposit */
function judged(deposit) {
  const needed = documentIn(deposit.manifest).contacts.needed;
  return { deposit, needed, said: advice(deposit, needed, now()) };
}

/** @param {ReturnType<typeof judged>} judgement */
function card({ deposit, needed, said }) {
  const line = copyOf("deposit");
  const { kind, state, next } = said;
  const made = say("made", { date: date(deposit.created_at) });
  fill(line, { label: deposit.label, state, next, made });
  one(".mark", line).dataset.kind = kind;
  /** @type {HTMLAnchorElement} */ (one("[data-link]", line)).href = `/deposits/${deposit.deposit}`;
  draw(one(".picture", line), deposit, needed, now());
  return line;
}

/** @param {import("../../ui/session.js").Session} session */
async function show(session) {
  const [lines, account] = await Promise.all([every(), api.get(`accounts/${session.account}`)]);
  const deposits = await Promise.all(lines.map((line) => api.get(`deposits/${line.deposit}`)));
  const urgent = deposits.map(judged).sort((a, b) => URGENCY.indexOf(a.said.kind) - URGENCY.indexOf(b.said.kind));
  one("[data-deposits]").replaceChildren(...urgent.map(card));
  const closing = account.closing_at;
  fill(document, { closing: closing === null ? "" : date(closing) });
  showIf(document, { closing: closing !== null, empty: deposits.length === 0, some: deposits.length > 0 });
  one("[data-first]").classList.toggle("first", deposits.length === 0);
}

leaveNothingBehind();
load(api, show);
