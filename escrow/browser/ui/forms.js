// Forms that send once, say what is wrong beside the field, and lose nothing that was typed.

import { Problem } from "./api.js";
import { all, one } from "./dom.js";
import { sentence } from "./problems.js";
import { say } from "./words.js";

/** Something that was typed cannot be right; `word` names the sentence that says what to do. */
export class NotUsable extends Error {
  /** @param {string} word */
  constructor(word) {
    super(word);
    this.word = word;
  }
}

/**
 * Run `act` when a form is sent; while it runs, a second press does nothing. What goes wrong is
 * said in the form's `[role=alert]`, and the field gets the focus back.
 * @param {HTMLFormElement} form
 * @param {(form: HTMLFormElement) => Promise<void>} act
 * @param {string} [context] see `problems.sentence`
 */
export function onSend(form, act, context = "") {
  const button = /** @type {HTMLButtonElement} */ (one("button[type=submit]", form));
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    complain(form, "");
    try {
      await act(form);
    } catch (error) {
      complain(form, error instanceof NotUsable ? say(error.word) : sentence(error, context));
      focusOn(form, error);
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  });
}

/**
 * Say what is wrong with a form, or with "" that nothing is.
 * @param {HTMLElement} form
 * @param {string} text
 */
export function complain(form, text) {
  const alert = one("[role=alert] > *", form);
  alert.textContent = text;
  // Each of the fields for words says itself what is wrong with it.
  for (const field of all("input, textarea", form).filter((each) => !each.closest("[data-words]"))) {
    if (text) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {unknown} error
 */
function focusOn(form, error) {
  if (document.activeElement?.closest("[data-words]")) return;
  const fields = all("input, textarea", form).filter((field) => field.offsetParent !== null);
  const typed = error instanceof NotUsable || (error instanceof Problem && error.code !== "offline");
  if (typed && fields.length > 0) {
    fields[0].focus();
    if (fields[0] instanceof HTMLInputElement) fields[0].select?.();
  }
}

/**
 * Return what stands in a field, without spaces around it.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function typed(form, name) {
  return String(new FormData(form).get(name) ?? "").trim();
}

/**
 * Return the digits of a code field; spaces, dashes and dots between them are how people write.
 * Throws NotUsable when they are not `length` digits.
 * @param {HTMLFormElement} form
 * @param {string} name
 * @param {number} [length]
 */
export function digits(form, name, length = 6) {
  const found = typed(form, name).replace(/[\s.\-–]/g, "");
  if (!/^[0-9]*$/.test(found) || found.length !== length) {
    throw new NotUsable(length === 6 ? "problem.not_a_code" : "problem.not_so_many");
  }
  return found;
}

/**
 * Return the mail address in a field; throws NotUsable for what cannot be one.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function address(form, name) {
  const found = typed(form, name);
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(found)) throw new NotUsable("problem.not_an_address");
  return found;
}
