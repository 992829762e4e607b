// The page's own sentences. They stand in its template, in the visitor's language, as
// `<template id="words"><p data-word="name">…</p></template>`; no script has a sentence of its own.

/** @typedef {Record<string, string | number>} Places */

/** @type {Map<string, string> | undefined} */
let known;

/** @returns {Map<string, string>} */
function words() {
  if (known === undefined) {
    known = new Map();
    for (const template of document.querySelectorAll("template.words")) {
      const { content } = /** @type {HTMLTemplateElement} */ (template);
      for (const word of content.querySelectorAll("[data-word]")) {
        known.set(word.getAttribute("data-word") ?? "", word.textContent.trim());
      }
    }
  }
  return known;
}

/**
 * Return one of the page's sentences with its `{name}` places filled in; throws for one that the
 * page lacks.
 * @param {string} name
 * @param {Places} [places]
 */
export function say(name, places = {}) {
  const text = words().get(name);
  if (text === undefined) throw new Error(`the page lacks the words “${name}”`);
  return text.replace(/\{([a-z_]+)\}/g, (place, key) => String(places[key] ?? place));
}

/**
 * Return the first of some sentences that the page has.
 * @param {string[]} names
 * @param {Places} [places]
 */
export function sayFirst(names, places = {}) {
  return say(names.find((name) => words().has(name)) ?? names[0], places);
}

/**
 * Return what depends on a number: `name.one` or `name.other`, with `{n}` filled in.
 * @param {string} name
 * @param {number} n
 * @param {Places} [places]
 */
export function count(name, n, places = {}) {
  const form = new Intl.PluralRules(language()).select(n) === "one" ? "one" : "other";
  return say(`${name}.${form}`, { n, ...places });
}

/** The page's language, as the service calls it. */
export function language() {
  return document.documentElement.lang === "nl" ? "nl" : "en";
}
