// Asking once before what one more press cannot undo.

import { fill, one } from "./dom.js";
import { say } from "./words.js";

/**
 * Ask with the page's words `sure.<name>.title`, `.text` and `.button`.
 * @param {string} name
 * @returns {Promise<boolean>}
 */
export function isSure(name) {
  const dialog = /** @type {HTMLDialogElement} */ (one("dialog#sure"));
  fill(dialog, {
    title: say(`sure.${name}.title`),
    text: say(`sure.${name}.text`),
    button: say(`sure.${name}.button`),
  });
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}
