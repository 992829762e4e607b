// The admins' pages are drawn on the server; a script only ends sessions.

import { Api } from "../../ui/api.js";
import { all, one } from "../../ui/dom.js";
import { sentence } from "../../ui/problems.js";

const api = new Api();

/** @param {HTMLElement} button */
async function end(button) {
  const isThis = "current" in button.dataset;
  try {
    await api.delete(`admin/sessions/${button.dataset.end}`);
    if (isThis) location.replace("/admin/sign-in");
    else location.reload();
  } catch (error) {
    one("[role=alert] > *").textContent = sentence(error);
  }
}

for (const button of all("[data-end]")) button.addEventListener("click", () => end(button));
