// One key, as an admin sees it: its history is fetched and proven in this browser, entry by entry.

import { Client } from "../../client/http.js";
import { Memory } from "../../client/ledger.js";
import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api } from "../../ui/api.js";
import { fill, one } from "../../ui/dom.js";
import { lines } from "../../ui/history.js";
import { sentence } from "../../ui/problems.js";
import { saveReport } from "../../ui/saving.js";
import { count, language, say } from "../../ui/words.js";

const api = new Api();
const leaving = new AbortController();
const line = { client: new Client({ locale: language(), signal: leaving.signal }), memory: new Memory() };
const section = /** @type {HTMLDetailsElement} */ (one("[data-history]"));
addEventListener("pagehide", () => leaving.abort());

async function showHistory() {
  if (!section.open) return;
  fill(section, { history: say("history.loading") });
  one("ol", section).replaceChildren();
  try {
    const path = `admin/deposits/${section.dataset.deposit}`;
    const { deposit, ledger_vkey: pinned, custodies } = await line.client.get(path);
    const { provenHistory } = await import("../../ui/provenhistory.js");
    const found = await provenHistory(line, deposit, `${path}/events`, pinned, (done, all) =>
      fill(section, { history: say("history.checking", { done, all }) }),
    );
    /** @type {[string, string][]} */
    const names = custodies.map((/** @type {{ custody: string, role: string }} */ { custody, role }) => [
      custody,
      role === "contact" ? say("contact.numbered", { number: custody.slice(0, 8) }) : say(role),
    ]);
    one("ol", section).replaceChildren(...lines(found, new Map(names)));
    fill(section, { history: found.length ? count("history.proven", found.length) : say("history.none") });
  } catch (error) {
    fill(section, { history: sentence(error) });
  }
}

section.addEventListener("toggle", showHistory);
const button = one("[data-report-of]");
onPress(button, async () => {
  const number = button.dataset.reportOf ?? "";
  const made = await confirmed(api, () => api.post(`admin/deposits/${number}/report`));
  saveReport(made.report, `custody-report-${number.slice(0, 8)}.json`);
  fill(document, { saved: say("saved") });
});
