// Allow the service to go on with a restored backup: what is signed here never passes through the
// database that it is about.

import { ACCEPT_BACKUP, contentsOf, readFile, signedFile } from "../../ui/approving.js";
import { dateTime } from "../../ui/dates.js";
import { fill, one } from "../../ui/dom.js";
import { NotUsable, complain, onSend } from "../../ui/forms.js";
import { saveFile } from "../../ui/saving.js";
import { say } from "../../ui/words.js";

const form = /** @type {HTMLFormElement} */ (one("[data-step=backup]"));
const input = /** @type {HTMLInputElement} */ (one("#file"));
const { admin = "", host = "" } = form.dataset;

/** Read the chosen file; throws NotUsable. */
async function chosen() {
  const file = input.files?.[0];
  if (!file) throw new NotUsable("backup.none");
  try {
    const proposal = readFile(new Uint8Array(await file.arrayBuffer()));
    if (proposal.operation !== ACCEPT_BACKUP) throw new NotUsable("backup.wrong");
    return { proposal, said: contentsOf(proposal) };
  } catch {
    throw new NotUsable("backup.wrong");
  }
}

async function show() {
  complain(form, "");
  one("[data-read]").hidden = true;
  try {
    const { proposal, said } = await chosen();
    fill(form, {
      origin: proposal.target,
      size: String(said.size),
      entries: String(said.entries),
      lost: String(said.size - said.entries),
      reason: said.reason,
      expires: dateTime(proposal.expires),
    });
    one("[data-read]").hidden = false;
  } catch (error) {
    complain(form, say(error instanceof NotUsable ? error.word : "backup.wrong"));
  }
}

async function sign() {
  const { proposal } = await chosen();
  saveFile("approval.json", await signedFile({ admin, host }, proposal), "application/json");
  fill(form, { saved: say("backup.saved") });
}

input.addEventListener("change", show);
onSend(form, sign, "proposal");
