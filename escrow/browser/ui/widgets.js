// Small things that more than one page has.

import { all, one } from "./dom.js";
import { say } from "./words.js";

const COPIED_MILLISECONDS = 4000;

/**
 * Let a button copy the text of what its `data-copies` names, and say that it did.
 * @param {ParentNode} [root]
 */
export function copyButtons(root = document) {
  for (const button of all("button[data-copies]", root)) {
    button.addEventListener("click", async () => {
      const source = one(button.dataset.copies ?? "");
      const typed = source instanceof HTMLTextAreaElement ? source.value : null;
      const text = (typed ?? source.dataset.value ?? source.textContent).trim();
      if (!text) return flash(button, say("copied.nothing"));
      try {
        await navigator.clipboard.writeText(text);
        flash(button, say("copied"));
      } catch {
        if (source instanceof HTMLTextAreaElement) source.select();
        else getSelection()?.selectAllChildren(source);
        flash(button, say("selected"));
      }
    });
  }
}

/** @type {WeakMap<HTMLElement, string>} what buttons are called while they say something else */
const labels = new WeakMap();

/**
 * Let a button say for a moment what it has done.
 * @param {HTMLElement} button
 * @param {string} text
 */
export function flash(button, text) {
  const label = labels.get(button) ?? button.textContent;
  labels.set(button, label);
  button.textContent = text;
  setTimeout(() => {
    button.textContent = label;
  }, COPIED_MILLISECONDS);
}

/**
 * Write a text in groups of four, as people read it out.
 * @param {string} text
 */
export function grouped(text) {
  return text.match(/.{1,4}/g)?.join(" ") ?? text;
}

/** A page that the browser kept in memory is loaded anew: what it showed may be over. */
export function leaveNothingBehind() {
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
