// Finding, cloning and filling in what the page's template has: no markup is made here.

/** @typedef {Record<string, string | null | undefined>} Slots */

/**
 * Return the one element that fits; throws if the page lacks it.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function one(selector, root = document) {
  const found = root.querySelector(selector);
  if (found === null) throw new Error(`the page lacks ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement[]}
 */
export function all(selector, root = document) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(selector))];
}

/**
 * Return a copy of a template's one element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function copyOf(id) {
  const template = /** @type {HTMLTemplateElement} */ (one(`template#${id}`));
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  return /** @type {HTMLElement} */ (copy.firstElementChild);
}

/**
 * Write text into the `data-slot`s; null hides a slot and what is marked `data-with` it.
 * @param {ParentNode} root
 * @param {Slots} slots
 */
export function fill(root, slots) {
  for (const [name, text] of Object.entries(slots)) {
    const empty = text === null || text === undefined || text === "";
    for (const slot of all(`[data-slot="${name}"]`, root)) {
      slot.textContent = text ?? "";
      slot.hidden = empty;
    }
    for (const around of all(`[data-with="${name}"]`, root)) around.hidden = empty;
  }
}

/**
 * Show one of the parts that are marked `data-part`, and hide the others.
 * @param {string} name
 * @param {ParentNode} [root]
 */
export function showPart(name, root = document) {
  for (const part of all("[data-part]", root)) part.hidden = part.dataset.part !== name;
}

/**
 * Show those of the elements marked `data-if` whose condition holds, and hide the others.
 * @param {ParentNode} root
 * @param {Record<string, boolean>} conditions
 */
export function showIf(root, conditions) {
  for (const [name, holds] of Object.entries(conditions)) {
    for (const element of all(`[data-if="${name}"]`, root)) element.hidden = !holds;
  }
}
