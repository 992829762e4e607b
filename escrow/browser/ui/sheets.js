// The paper: filled in when it is to be printed, and emptied again, because its words are secret.

import { drawCode } from "./code.js";
import { date, duration } from "./dates.js";
import { all, one } from "./dom.js";
import { say } from "./words.js";

/** @typedef {import("../client/paper.js").CardPaper} CardPaper */
/** @typedef {import("../client/paper.js").KitPaper} KitPaper */

/**
 * Fill in the kit's sheet; returns what empties it.
 * @param {KitPaper} paper
 */
export function showKit(paper) {
  const root = one('[data-sheet="kit"]');
  const { contactsNeeded: needed, contactsCount: count, check } = paper;
  const some = count === 0 ? "none" : count === 1 ? "one" : "more";
  const provider = say("sheet.provider_name");
  write(root, {
    host: `${paper.host} · ${say("sheet.made", { date: date(paper.createdAt) })} · ${paper.deposit}`,
    label: say("sheet.label", { label: paper.label }),
    truth: say(`sheet.truth.${some}`, { needed, count }),
    contacts: contactsOf(paper),
    custody: paper.custody,
    code: paper.manifestCode,
    deposit: paper.deposit,
    ledger: paper.ledgerKey,
    check: check.digits,
    wait: say("sheet.wait", { duration: duration(paper.waitingSeconds) }),
    envelope: say(paper.envelopeText === null ? "sheet.too_long" : "sheet.envelope", { provider }),
    checkpoint: paper.checkpoint === null ? "" : `${paper.checkpoint.size} ${paper.checkpoint.root}`,
    alone: say(`sheet.alone.${some}`, { provider, n: needed }),
    command: commandOf(needed),
    confirmation: paper.confirmation,
  });
  const fits = paper.envelopeText !== null;
  onlyIf(root, { ledger: paper.checkpoint !== null, some: count > 0, nobody: count === 0, alone: count > 0, fits, "too-long": !fits });
  const people = paper.contacts.map(({ name, address }) => `${name}, ${address}`);
  lines(root, "words", paper.words);
  lines(root, "people", [say("sheet.provider"), ...(count === 0 ? [say("sheet.nobody")] : people)]);
  draw(root, { share: paper.shareText, check: check.text, envelope: paper.envelopeText, checkpoint: paper.checkpoint?.text ?? null });
  document.body.classList.add("prints");
  return () => empty(root);
}

/**
 * Fill in a contact's sheet, with bigger letters where they are wanted; returns what empties it.
 * @param {CardPaper} paper
 * @param {{ large?: boolean }} [look]
 */
export function showCard(paper, { large = false } = {}) {
  const root = one('[data-sheet="card"]');
  const { contactsNeeded: needed, contactsCount: count, check, name, customer } = paper;
  write(root, {
    host: `${paper.host} · ${say("sheet.made", { date: date(paper.createdAt) })} · ${paper.deposit}`,
    label: say("sheet.card.label", { name, customer, label: paper.label }),
    me: say("sheet.card.me", { name }),
    truth: say(count === 1 ? "sheet.card.one" : "sheet.card.more", { needed, count }),
    custody: paper.custody,
    code: paper.manifestCode,
    deposit: paper.deposit,
    ledger: paper.ledgerKey,
    check: check.digits,
    checkpoint: paper.checkpoint === null ? "" : `${paper.checkpoint.size} ${paper.checkpoint.root}`,
  });
  onlyIf(root, { ledger: paper.checkpoint !== null });
  lines(root, "words", paper.words);
  draw(root, { share: paper.shareText, check: check.text, checkpoint: paper.checkpoint?.text ?? null });
  root.classList.toggle("large", large);
  document.body.classList.add("prints");
  return () => empty(root);
}

/** Say who the contacts are, in one line. @param {KitPaper} paper */
function contactsOf({ contacts }) {
  const names = contacts.map(({ name }) => name).join(", ");
  if (contacts.length < 2) return names || say("sheet.no_contacts");
  return say("sheet.contacts", { names });
}

/** @param {HTMLElement} root @param {Record<string, boolean>} conditions */
function onlyIf(root, conditions) {
  for (const [name, holds] of Object.entries(conditions)) {
    for (const part of all(`[data-print-if="${name}"]`, root)) part.hidden = !holds;
  }
}

/** @param {number} needed */
function commandOf(needed) {
  const cards = Array.from({ length: needed }, (_, i) => ` \\\n    --piece card${needed > 1 ? i + 1 : ""}.escrow.json`);
  return `escrow combine --piece kit.escrow.json${cards.join("")} --output key.txt`;
}

/** @param {HTMLElement} root @param {Record<string, string>} texts */
function write(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const place of all(`[data-print="${name}"]`, root)) place.textContent = text;
  }
}

/** @param {HTMLElement} root @param {string} name @param {readonly string[]} texts */
function lines(root, name, texts) {
  const items = texts.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  });
  one(`[data-print-list="${name}"]`, root).replaceChildren(...items);
}

/** @param {HTMLElement} root @param {Record<string, string | null>} texts */
function draw(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const canvas = /** @type {HTMLCanvasElement} */ (one(`[data-code="${name}"]`, root));
    canvas.hidden = text === null || !drawCode(canvas, text);
  }
}

/** @param {HTMLElement} root */
function empty(root) {
  document.body.classList.remove("prints");
  for (const place of all("[data-print], [data-print-list]", root)) place.textContent = "";
  for (const canvas of all("canvas", root)) /** @type {HTMLCanvasElement} */ (canvas).width = 0;
}
