// Becoming an admin: a name, and a passkey of one's own.

import { makePasskey } from "../../ui/adminkeys.js";
import { Api, Problem, pause } from "../../ui/api.js";
import { fill, one, showPart } from "../../ui/dom.js";
import { NotUsable, onSend, typed } from "../../ui/forms.js";
import { sentence } from "../../ui/problems.js";
import { say } from "../../ui/words.js";

const api = new Api();
const form = /** @type {HTMLFormElement} */ (one("[data-step=passkey]"));
const ASKED_EVERY_SECONDS = 1.5;
let token = "";

/**
 * Look up whom the link invites.
 * @param {string} found
 */
export async function begin(found) {
  token = found;
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return showPart("no-link");
  try {
    const { role, name, is_first: isFirst } = await api.post("admin/invitations/challenge", { token });
    fill(form, { role: say(`role.${role}`) });
    // Whoever invited knows the full name; of the first nobody does.
    if (!isFirst) /** @type {HTMLInputElement} */ (one("#name")).value = name;
    showPart("form");
  } catch (error) {
    if (error instanceof Problem && error.code === "gone") return showPart("no-link");
    showPart("failed");
    fill(document, { failed: sentence(error) });
    one("[data-again]").onclick = () => begin(token);
  }
}

async function accept() {
  const name = typed(form, "name");
  if (!name) throw new NotUsable("name.empty");
  // A challenge is good for five minutes, and somebody may have looked for a name meanwhile.
  const asked = await api.post("admin/invitations/challenge", { token });
  const site = document.title.split(" – ").pop() ?? asked.host;
  const made = await makePasskey(asked, name, site);
  const { code, is_first: isFirst } = await api.post("admin/invitations/accept", { token, name, ...made });
  fill(document, { code });
  showPart(isFirst ? "entering" : "waiting");
  await untilLetIn();
}

/** The custodian lets the first owner in by itself, and others when owners have approved the passkey. */
async function untilLetIn() {
  for (;;) {
    await pause(ASKED_EVERY_SECONDS);
    try {
      await api.get("admin/sessions");
      return location.replace("/admin");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }
}

onSend(form, accept, "passkey");
