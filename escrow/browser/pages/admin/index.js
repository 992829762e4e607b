// The admins' pages are drawn on the server. A script ends sessions and saves lists, after the passkey
// was asked where the service wants it.

import { askPasskey } from "../../ui/adminkeys.js";
import { Api, Problem } from "../../ui/api.js";
import { all, fill, one } from "../../ui/dom.js";
import { NotUsable } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { saveFile } from "../../ui/saving.js";
import { say } from "../../ui/words.js";

const api = new Api();

/** @param {HTMLElement} button @param {() => Promise<void>} act */
function onPress(button, act) {
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    const alert = one("[role=alert] > *");
    alert.textContent = "";
    try {
      await act();
    } catch (error) {
      alert.textContent = error instanceof NotUsable ? say(error.word) : sentence(error);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

/** @param {HTMLElement} button */
async function end(button) {
  await api.delete(`admin/sessions/${button.dataset.end}`);
  if ("current" in button.dataset) location.replace("/admin/sign-in");
  else location.reload();
}

/**
 * Do what may want a fresh answer of the passkey.
 * @template T @param {() => Promise<T>} act @returns {Promise<T>}
 */
async function confirmed(act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "step_up_required") throw error;
  }
  await api.post("admin/step-up", await askPasskey(await api.post("admin/step-up/challenge")));
  return act();
}

/** @param {HTMLElement} button */
async function save({ dataset }) {
  const wanted = { state: dataset.state || null, find: dataset.find };
  let csv = "";
  /** @type {string | null} */
  let after = null;
  do {
    /** @type {{ csv: string, next: string | null }} */
    const part = await confirmed(() => api.post("admin/exports/keys", { ...wanted, after }));
    // Every part is a table of its own; one head is enough.
    csv += csv ? part.csv.slice(part.csv.indexOf("\r\n") + 2) : part.csv;
    after = part.next;
  } while (after !== null);
  saveFile("keys.csv", new TextEncoder().encode(csv), "text/csv");
  fill(document, { exported: say("exported") });
}

for (const button of all("[data-end]")) onPress(button, () => end(button));
for (const button of all("[data-export]")) onPress(button, () => save(button));
