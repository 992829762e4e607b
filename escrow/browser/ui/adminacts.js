// What admins do by one press: what goes wrong is said on the page, and the passkey is asked for where
// the service wants it.

import { askPasskey } from "./adminkeys.js";
import { Problem } from "./api.js";
import { one } from "./dom.js";
import { NotUsable } from "./forms.js";
import { sentence } from "./problems.js";
import { say } from "./words.js";

/** @param {HTMLElement} button @param {() => Promise<void>} act */
export function onPress(button, act) {
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    const alert = one("[role=alert] > *", button.closest("[data-acts]") ?? one("[data-acts]"));
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

/**
 * Do what may want a fresh answer of the passkey.
 * @template T @param {import("./api.js").Api} api @param {() => Promise<T>} act @returns {Promise<T>}
 */
export async function confirmed(api, act) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "step_up_required") throw error;
  }
  await api.post("admin/step-up", await askPasskey(await api.post("admin/step-up/challenge")));
  return act();
}
