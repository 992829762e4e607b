// Propose what takes two people, or do at once what one may: written, shown and signed here.

import { Api } from "../../ui/api.js";
import { fill } from "../../ui/dom.js";
import { NotUsable, address, onSend, typed } from "../../ui/forms.js";
import { approve, passkeyCode, propose } from "../../ui/approving.js";
import { b64urlDecode } from "../../protocol/encoding.js";

const DAY_SECONDS = 86400;
const api = new Api();
// What is not possible any more has no form.
const form = /** @type {HTMLFormElement} */ (document.querySelector("[data-step=proposal]"));
const { operation = "", target = "", admin = "", host = "", name = "", role = "", credential = "", key = "" } =
  form?.dataset ?? {};

/** @returns {Record<string, any>} */
function fields() {
  if (operation === "move-account") {
    return { from: typed(form, "from"), to: needed("to", "record.empty") };
  }
  if (operation === "set-address") return { address: address(form, "address") };
  if (operation === "change-wait") return { seconds: days() * DAY_SECONDS };
  if (operation === "add-admin") {
    return { name, role, credential: b64urlDecode(credential), public_key: b64urlDecode(key) };
  }
  return {};
}

/** @param {string} field @param {string} word */
function needed(field, word) {
  const found = typed(form, field);
  if (!found) throw new NotUsable(word);
  return found;
}

/** @returns {number} */
function days() {
  const found = typed(form, "days");
  if (!/^[0-9]{1,2}$/.test(found) || Number(found) < 1 || Number(found) > 90) throw new NotUsable("days.wrong");
  return Number(found);
}

async function send() {
  const contents = { reason: needed("reason", "reason.empty"), ...fields() };
  const proposal = propose(operation, target, contents);
  location.assign(`/admin/approvals/${await approve(api, { admin, host }, proposal)}`);
}

if (operation === "add-admin") fill(document, { code: passkeyCode(b64urlDecode(credential), b64urlDecode(key)) });
if (form !== null) onSend(form, send, "proposal");
