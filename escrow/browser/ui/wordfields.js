/**
 * The 33 fields in which the words of a piece are typed: four letters complete a word, a wrong word is
 * marked where it stands, and a paste fills all.
 */

import { splitWords } from "../platform/text.js";
import { SHARE_LENGTH_WORDS, propose, wordList } from "../protocol/slip39.js";
import { all, one } from "./dom.js";

const ENOUGH_LETTERS = 4;
const EMPTY = "–";
const KNOWN = new Set(wordList());

/**
 * What a page gives: a fresh copy of a field's line (`label`, `[data-number]`, `input`) and of the note
 * under a wrong word (`[data-wrong]`, `[data-text]`), and the sentence of that note.
 *
 * @typedef {object} Makers
 * @property {() => ParentNode & Node} line
 * @property {() => ParentNode & Node} note
 * @property {(number: number, proposals: readonly string[]) => string} wrong
 */

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

export class WordFields {
  #list;
  #makers;

  /** @param {HTMLElement} list where the fields come; ids are `<its id>-<number>` @param {Makers} makers */
  constructor(list, makers) {
    this.#list = list;
    this.#makers = makers;
    for (let number = 1; number <= SHARE_LENGTH_WORDS; number++) list.append(this.#line(number));
    for (const [at, field] of this.#fields.entries()) this.#listen(at, field);
  }

  /** @returns {HTMLInputElement[]} */
  get #fields() {
    return /** @type {HTMLInputElement[]} */ (all("input", this.#list));
  }

  /** @param {number} number */
  #line(number) {
    const line = this.#makers.line();
    const label = /** @type {HTMLLabelElement} */ (one("label", line));
    label.htmlFor = one("input", line).id = `${this.#list.id}-${number}`;
    one("[data-number]", label).textContent = String(number);
    return line;
  }

  /** @param {number} at @param {HTMLInputElement} field */
  #listen(at, field) {
    field.addEventListener("input", (event) => this.#typed(at, /** @type {InputEvent} */ (event)));
    field.addEventListener("paste", (event) => this.#pasted(at, event));
    field.addEventListener("keydown", (event) => this.#pressed(at, event));
    field.addEventListener("change", () => this.#check(at));
  }

  /**
   * Complete a word once four letters name it. What was not typed is selected, so that letters typed
   * on go in its place: who types words whole need not think of it.
   * @param {number} at @param {InputEvent} event
   */
  #typed(at, event) {
    const field = this.#fields[at];
    unmark(field);
    if (/\s/.test(field.value)) return this.#spread(at, field.value);
    const isAdding = !event.inputType?.startsWith("delete") && !event.isComposing;
    const letters = field.value;
    const isAtEnd = field.selectionStart === letters.length;
    if (!isAdding || letters.length < ENOUGH_LETTERS || !isAtEnd) return;
    const word = wordOf(letters);
    if (!word) return this.#check(at);
    field.value = word;
    field.setSelectionRange(letters.length, word.length);
  }

  /** Go on to the next word. @param {number} at */
  #goOn(at) {
    const next = this.#fields[at + 1];
    if (next) next.select();
    (next ?? this.#fields[at]).focus();
  }

  /** @param {number} at @param {KeyboardEvent} event */
  #pressed(at, event) {
    const field = this.#fields[at];
    if (event.key === " " || (event.key === "Enter" && field.value)) {
      event.preventDefault();
      this.#check(at);
      if (field.value && !field.hasAttribute("aria-invalid")) this.#goOn(at);
    } else if (event.key === "Backspace" && !field.value && at > 0) {
      event.preventDefault();
      this.#fields[at - 1].focus();
    }
  }

  /** @param {number} at @param {ClipboardEvent} event */
  #pasted(at, event) {
    const text = event.clipboardData?.getData("text") ?? "";
    if (wordsIn(text).length < 2) return;
    event.preventDefault();
    this.#spread(at, text);
  }

  /** Put several words into the fields from one on. @param {number} at @param {string} text */
  #spread(at, text) {
    const fields = this.#fields;
    const found = wordsIn(text);
    if (!found.length) {
      fields[at].value = "";
      return;
    }
    const start = found.length === SHARE_LENGTH_WORDS ? 0 : at;
    const last = Math.min(start + found.length, SHARE_LENGTH_WORDS) - 1;
    for (let i = start; i <= last; i++) {
      fields[i].value = wordOf(found[i - start]) ?? found[i - start];
      unmark(fields[i]);
      if (fields[i].value) this.#check(i);
    }
    (fields[last + 1] ?? fields[last])?.focus();
  }

  /** Complete a word, or say under its field what it may be. @param {number} at */
  #check(at) {
    const field = this.#fields[at];
    field.value = field.value.trim();
    // Marked already: its proposals stay where they are, or whoever clicks one would miss it.
    if (field.hasAttribute("aria-invalid")) return;
    const word = wordOf(field.value);
    if (!field.value || word) {
      if (word) field.value = word;
      unmark(field);
      return;
    }
    this.mark(at + 1, propose(field.value));
  }

  /** Say at a word that it is wrong, with proposals to choose. @param {number} number @param {readonly string[]} proposals */
  mark(number, proposals) {
    const field = this.#fields[number - 1];
    if (!field?.parentElement) return;
    unmark(field);
    const note = this.#makers.note();
    const box = one("[data-wrong]", note);
    box.id = `${field.id}-wrong`;
    one("[data-text]", box).textContent = this.#makers.wrong(number, proposals);
    for (const word of proposals) box.append(this.#proposal(number - 1, word));
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", box.id);
    field.parentElement.append(note);
  }

  /** @param {number} at @param {string} word */
  #proposal(at, word) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = word;
    button.addEventListener("click", () => {
      this.#fields[at].value = word;
      unmark(this.#fields[at]);
      this.#goOn(at);
    });
    return button;
  }

  /** Mark a word that only the checksum shows to be wrong, and go there. @param {number} number @param {string} text */
  markWrong(number, text) {
    this.mark(number, []);
    const field = this.#fields[number - 1];
    if (field?.parentElement) one("[data-text]", field.parentElement).textContent = text;
    field?.focus();
  }

  /** Return what is typed, one space between; empty fields at the end are left out. */
  typedWords() {
    return this.values()
      .map((value) => value.trim() || EMPTY)
      .join(" ")
      .replace(new RegExp(`( ${EMPTY})+$`), "")
      .replace(new RegExp(`^${EMPTY}$`), "");
  }

  /** Return the number of the first field that is empty; null when all are filled. */
  firstEmpty() {
    const at = this.values().findIndex((value) => !value.trim());
    return at < 0 ? null : at + 1;
  }

  /** @returns {string[]} */
  values() {
    return this.#fields.map((field) => field.value);
  }

  /** Write words into the fields, or empty them. @param {readonly string[]} kept */
  restore(kept) {
    for (const [at, field] of this.#fields.entries()) {
      field.value = kept[at] ?? "";
      if (field.value) this.#check(at);
      else unmark(field);
    }
  }
}

/** Take the mark of a wrong word away. @param {HTMLInputElement} field */
function unmark(field) {
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
  field.parentElement?.querySelector("[data-wrong]")?.remove();
}
