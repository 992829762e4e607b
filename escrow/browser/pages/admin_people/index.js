// Who is an admin: a link for somebody new, the end of an invitation or of sessions.

import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api } from "../../ui/api.js";
import { all, fill, one } from "../../ui/dom.js";
import { NotUsable, onSend, typed } from "../../ui/forms.js";
import { copyButtons } from "../../ui/widgets.js";

const api = new Api();
const form = /** @type {HTMLFormElement} */ (one("[data-step=person]"));

async function invite() {
  const name = typed(form, "name");
  if (!name) throw new NotUsable("name.empty");
  const made = await confirmed(api, () => api.post("admin/people", { name, role: typed(form, "role") }));
  form.reset();
  fill(document, { link: made.link, invited: name });
  one("[data-made-link]").hidden = false;
  const shown = one("[data-made]");
  shown.hidden = false;
  shown.focus();
}

/** @param {HTMLElement} button */
async function withdraw({ dataset }) {
  await confirmed(api, () => api.delete(`admin/people/${dataset.withdraw}`));
  location.reload();
}

/** @param {HTMLElement} button */
async function endSessions({ dataset }) {
  await confirmed(api, () => api.delete(`admin/people/${dataset.sessions}/sessions`));
  location.reload();
}

copyButtons();
onSend(form, invite, "passkey");
for (const button of all("[data-withdraw]")) onPress(button, () => withdraw(button));
for (const button of all("[data-sessions]")) onPress(button, () => endSessions(button));
