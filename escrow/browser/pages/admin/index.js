// The admins' pages are drawn on the server. A script ends sessions and saves lists, after the passkey
// was asked where the service wants it.

import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api } from "../../ui/api.js";
import { all, fill } from "../../ui/dom.js";
import { saveFile, saveReport } from "../../ui/saving.js";
import { count, say } from "../../ui/words.js";

const api = new Api();

/** @param {HTMLElement} button */
async function end(button) {
  await api.delete(`admin/sessions/${button.dataset.end}`);
  if ("current" in button.dataset) location.replace("/admin/sign-in");
  else location.reload();
}

/** @param {HTMLElement} button */
async function save({ dataset }) {
  const wanted = Object.fromEntries(new URLSearchParams(dataset.export));
  let csv = "";
  /** @type {string | null} */
  let after = null;
  do {
    /** @type {{ csv: string, next: string | null }} */
    const part = await confirmed(api, () => api.post("admin/exports/keys", { ...wanted, after }));
    // Every part is a table of its own; one head is enough.
    csv += csv ? part.csv.slice(part.csv.indexOf("\r\n") + 2) : part.csv;
    after = part.next;
  } while (after !== null);
  saveFile("keys.csv", new TextEncoder().encode(csv), "text/csv");
  fill(document, { exported: say("exported") });
}

/** Every part is a report of its own, which can be checked alone. @param {HTMLElement} button */
async function report({ dataset }) {
  const wanted = Object.fromEntries(new URLSearchParams(dataset.report));
  /** @type {string | null} */
  let after = null;
  let number = 0;
  do {
    /** @type {{ report: string, next: string | null }} */
    const part = await confirmed(api, () => api.post("admin/exports/reports", { ...wanted, after }));
    number += 1;
    saveReport(part.report, `custody-report-${number}.json`);
    fill(document, { exported: count("reported", number) });
    after = part.next;
  } while (after !== null);
}

for (const button of all("[data-report]")) onPress(button, () => report(button));
for (const button of all("[data-end]")) onPress(button, () => end(button));
for (const button of all("[data-export]")) onPress(button, () => save(button));
