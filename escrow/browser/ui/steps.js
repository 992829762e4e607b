// One question a screen. Earlier answers stay visible and can be changed, the browser's own back
// button goes to the step before, and nothing of what was typed is in the history or the address.
//
// In the template: `[data-steps]` around `[data-step="name"]` parts, each with a heading and, for the
// list of answers, `data-answer="Your address"`; `ol.answers`; `template#answer`.

import { all, copyOf, fill, one } from "./dom.js";
import { complain } from "./forms.js";

export class Steps {
  /** @type {string} */
  current = "";
  /** @type {Map<string, string>} */
  #answers = new Map();
  /** @type {Set<string>} */
  #closed = new Set();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.steps = all("[data-step]", root);
    addEventListener("popstate", (event) => this.#back(event.state?.step));
  }

  /**
   * Begin with a step; a reload begins anew, since nothing is kept.
   * @param {string} name
   */
  begin(name) {
    history.replaceState({ step: name }, "");
    this.#show(name, false);
  }

  /**
   * Go on to a step, with the answer to the present one.
   * @param {string} name
   * @param {string} [answer] what stands in the list of answers
   */
  go(name, answer) {
    if (answer !== undefined) this.#answers.set(this.current, answer);
    history.pushState({ step: name }, "");
    this.#show(name, true);
  }

  /** What is behind the present step cannot be changed any more. */
  close() {
    for (const step of this.#before(this.current)) this.#closed.add(step);
    this.#list();
  }

  /** @param {string | undefined} name */
  #back(name) {
    if (name === undefined || !this.#isOpen(name)) {
      history.pushState({ step: this.current }, "");
      return;
    }
    this.#show(name, true);
  }

  /**
   * Whether one can be at a step: it is not closed, and the steps before it are answered.
   * @param {string} name
   */
  #isOpen(name) {
    const before = this.#before(name);
    const known = this.steps.some((step) => step.dataset.step === name);
    const skippable = (/** @type {string} */ step) => one(`[data-step="${step}"]`, this.root).dataset.answer === undefined;
    return known && !this.#closed.has(name) && before.every((step) => this.#answers.has(step) || skippable(step));
  }

  /**
   * @param {string} name
   * @returns {string[]}
   */
  #before(name) {
    const names = this.steps.map((step) => step.dataset.step ?? "");
    return names.slice(0, names.indexOf(name));
  }

  /**
   * @param {string} name
   * @param {boolean} focus
   */
  #show(name, focus) {
    this.current = name;
    for (const step of this.steps) step.hidden = step.dataset.step !== name;
    // What went wrong here before is over: the same words would read as a new failure.
    const shown = one(`[data-step="${name}"]`, this.root);
    if (shown.querySelector("[role=alert]") !== null) complain(shown, "");
    this.#list();
    const heading = one("h2", shown);
    heading.tabIndex = -1;
    if (focus) {
      heading.focus({ preventScroll: true });
      this.root.scrollIntoView({ block: "start" });
    }
  }

  #list() {
    const list = one("ol.answers", this.root);
    list.replaceChildren();
    for (const name of this.#before(this.current)) {
      const answer = this.#answers.get(name);
      if (answer === undefined) continue;
      const line = copyOf("answer");
      const question = one(`[data-step="${name}"]`, this.root).dataset.answer ?? "";
      fill(line, { question, answer });
      const change = one("button", line);
      change.hidden = this.#closed.has(name);
      change.addEventListener("click", () => this.go(name));
      list.append(line);
    }
    list.hidden = list.childElementCount === 0;
  }
}
