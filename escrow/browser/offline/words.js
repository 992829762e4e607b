/** The 33 fields in which the words of a piece are typed: four letters complete a word. */

import { splitWords } from "../platform/text.js";
import { SHARE_LENGTH_WORDS, propose, wordList } from "../protocol/slip39.js";
import { all, copyOf, filled, one, sentence } from "./dom.js";

const ENOUGH_LETTERS = 4;
const KNOWN = new Set(wordList());

/** Return the word that letters name: four of them, or all of a shorter word; else null. @param {string} letters */
export function wordOf(letters) {
  const lower = letters.toLowerCase();
  if (KNOWN.has(lower)) return lower;
  if (lower.length < ENOUGH_LETTERS) return null;
  const beginning = lower.slice(0, ENOUGH_LETTERS);
  return wordList().find((word) => word.startsWith(beginning) && word.startsWith(lower)) ?? null;
}

/** Take the numbers away that stand before words on paper. @param {string} text */
export function wordsIn(text) {
  return splitWords(text.toLowerCase().replace(/[0-9.,;:)]+/g, " "));
}

/** @returns {HTMLInputElement[]} */
function fields() {
  return /** @type {HTMLInputElement[]} */ (all("[data-words] input"));
}

/** Make the fields. */
export function makeFields() {
  const list = one("[data-words]");
  for (let number = 1; number <= SHARE_LENGTH_WORDS; number++) {
    const line = copyOf("#page template[data-word]");
    const label = /** @type {HTMLLabelElement} */ (one("label", line));
    label.htmlFor = one("input", line).id = `word-${number}`;
    one("[data-number]", label).textContent = String(number);
    list.append(line);
  }
  for (const [at, field] of fields().entries()) {
    field.addEventListener("input", (event) => typed(at, /** @type {InputEvent} */ (event)));
    field.addEventListener("paste", (event) => pasted(at, event));
    field.addEventListener("keydown", (event) => pressed(at, event));
    field.addEventListener("change", () => check(at));
  }
}

/**
 * Complete a word once four letters name it. What was not typed is selected, so that letters typed on
 * go in its place: who types words whole need not think of it.
 * @param {number} at @param {InputEvent} event
 */
function typed(at, event) {
  const field = fields()[at];
  unmark(field);
  if (/\s/.test(field.value)) {
    spread(at, field.value);
    return;
  }
  const isAdding = !event.inputType?.startsWith("delete") && !event.isComposing;
  const letters = field.value;
  if (!isAdding || letters.length < ENOUGH_LETTERS || field.selectionStart !== letters.length) return;
  const word = wordOf(letters);
  if (!word) {
    check(at);
    return;
  }
  field.value = word;
  field.setSelectionRange(letters.length, word.length);
}

/** Go on to the next word. @param {number} at */
function goOn(at) {
  const next = fields()[at + 1];
  if (next) next.select();
  (next ?? fields()[at]).focus();
}

/** @param {number} at @param {KeyboardEvent} event */
function pressed(at, event) {
  const field = fields()[at];
  if (event.key === " " || (event.key === "Enter" && field.value)) {
    event.preventDefault();
    check(at);
    if (field.value && !field.hasAttribute("aria-invalid")) goOn(at);
  } else if (event.key === "Backspace" && !field.value && at > 0) {
    event.preventDefault();
    fields()[at - 1].focus();
  }
}

/** @param {number} at @param {ClipboardEvent} event */
function pasted(at, event) {
  const text = event.clipboardData?.getData("text") ?? "";
  if (wordsIn(text).length < 2) return;
  event.preventDefault();
  spread(at, text);
}

/** Put several words into the fields from one on. @param {number} at @param {string} text */
function spread(at, text) {
  const found = wordsIn(text);
  if (!found.length) {
    fields()[at].value = "";
    return;
  }
  const start = found.length === SHARE_LENGTH_WORDS ? 0 : at;
  const last = Math.min(start + found.length, SHARE_LENGTH_WORDS) - 1;
  for (let i = start; i <= last; i++) {
    fields()[i].value = wordOf(found[i - start]) ?? found[i - start];
    unmark(fields()[i]);
    if (fields()[i].value) check(i);
  }
  (fields()[last + 1] ?? fields()[last])?.focus();
}

/** Complete a word, or say under its field what it may be. @param {number} at */
function check(at) {
  const field = fields()[at];
  field.value = field.value.trim();
  // Marked already: its proposals stay where they are, or whoever clicks one would miss it.
  if (field.hasAttribute("aria-invalid")) return;
  const word = wordOf(field.value);
  if (!field.value || word) {
    if (word) field.value = word;
    unmark(field);
    return;
  }
  mark(at + 1, propose(field.value));
}

/** Take the mark of a wrong word away. @param {HTMLInputElement} field */
function unmark(field) {
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
  field.parentElement?.querySelector("[data-wrong]")?.remove();
}

/** Say at a word that it is wrong, with proposals to choose. @param {number} number @param {readonly string[]} proposals */
export function mark(number, proposals) {
  const field = fields()[number - 1];
  if (!field?.parentElement) return;
  unmark(field);
  const note = copyOf("#page template[data-wrong-word]");
  const box = one("[data-wrong]", note);
  box.id = `wrong-${number}`;
  const text = proposals.length ? "is-it" : "not-in-list";
  one("[data-text]", box).textContent = filled(sentence(text), { number, words: proposals.join(", ") });
  for (const word of proposals) box.append(proposal(number - 1, word));
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", box.id);
  field.parentElement.append(note);
}

/** @param {number} at @param {string} word */
function proposal(at, word) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = word;
  button.addEventListener("click", () => {
    fields()[at].value = word;
    unmark(fields()[at]);
    goOn(at);
  });
  return button;
}

/** Mark a word that only the checksum shows to be wrong. @param {number} number @param {string} text */
export function markWrong(number, text) {
  mark(number, []);
  const field = fields()[number - 1];
  if (field?.parentElement) one("[data-text]", field.parentElement).textContent = text;
  field?.focus();
}

/** Return what is typed, one space between; empty fields at the end are left out. */
export function typedWords() {
  return fields()
    .map((field) => field.value.trim() || "–")
    .join(" ")
    .replace(/( –)+$/, "")
    .replace(/^–$/, "");
}

/** Return the number of the first field that is empty; null when all are filled. */
export function firstEmpty() {
  const at = fields().findIndex((field) => !field.value.trim());
  return at < 0 ? null : at + 1;
}

/** @returns {string[]} */
export function values() {
  return fields().map((field) => field.value);
}

/** @param {readonly string[]} kept */
export function restore(kept) {
  for (const [at, field] of fields().entries()) {
    field.value = kept[at] ?? "";
    if (field.value) check(at);
    else unmark(field);
  }
}

/** @param {number} number */
export function focusWord(number) {
  fields()[number - 1]?.focus();
}
