/** Finding, cloning and filling in what the page's templates have: no markup is made here. */

import { all, one } from "../ui/dom.js";

export { all, one };

/** Return a copy of a template's content. @param {string} selector */
export function copyOf(selector) {
  const template = /** @type {HTMLTemplateElement} */ (one(selector));
  return /** @type {DocumentFragment} */ (template.content.cloneNode(true));
}

/** Fill in the `{name}` places of a sentence, once. @param {string} sentence @param {Record<string, string | number>} values */
export function filled(sentence, values) {
  return sentence.replace(/\{([a-z]+)\}/g, (place, name) => String(values[name] ?? place));
}

/** Return a sentence of the page by its name; empty for an unknown one. @param {string} name */
export function sentence(name) {
  const [found] = all(`[data-say="${name}"]`);
  return found?.textContent ?? "";
}

/**
 * Put a sentence into an element, its `{name}` places filled in; it is kept for the next time.
 * @param {HTMLElement} element @param {Record<string, string | number>} values
 */
export function fill(element, values) {
  element.dataset.sentence ??= element.textContent ?? "";
  element.textContent = filled(element.dataset.sentence, values);
}

/** @param {string} selector @param {string} event @param {(event: Event) => void} act @param {ParentNode} [root] */
export function on(selector, event, act, root = document) {
  for (const element of all(selector, root)) element.addEventListener(event, act);
}
