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

/**
 * Fetch a list part by part, the passkey being asked for where the service wants it.
 * @param {string} path
 * @param {string | undefined} query what is wanted, as in a page's address
 * @param {(part: any) => void} take is given each part as it comes
 */
async function inParts(path, query, take) {
  const wanted = Object.fromEntries(new URLSearchParams(query));
  /** @type {string | null} */
  let after = null;
  do {
    /** @type {{ next: string | null }} */
    const part = await confirmed(api, () => api.post(path, { ...wanted, after }));
    take(part);
    after = part.next;
  } while (after !== null);
}

/** @param {HTMLElement} button */
async function save({ dataset }) {
  let csv = "";
  await inParts("admin/exports/keys", dataset.export, (part) => {
    // Every part is a table of its own; one head is enough.
    csv += csv ? part.csv.slice(part.csv.indexOf("\r\n") + 2) : part.csv;
  });
  saveFile("keys.csv", new TextEncoder().encode(csv), "text/csv");
  fill(document, { exported: say("exported") });
}

/** Every part is a report of its own, which can be checked alone. @param {HTMLElement} button */
async function report({ dataset }) {
  let number = 0;
  await inParts("admin/exports/reports", dataset.report, (part) => {
    number += 1;
    saveReport(part.report, `custody-report-${number}.json`);
    fill(document, { exported: count("reported", number) });
  });
}

for (const button of all("[data-report]")) onPress(button, () => report(button));
for (const button of all("[data-end]")) onPress(button, () => end(button));
for (const button of all("[data-export]")) onPress(button, () => save(button));
