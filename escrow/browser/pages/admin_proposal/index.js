// One proposal: what it says is read here from the bytes that are signed, then approved, then watched.

import { confirmed, onPress } from "../../ui/adminacts.js";
import { Api, pause } from "../../ui/api.js";
import { fill, one } from "../../ui/dom.js";
import { dateTime, duration } from "../../ui/dates.js";
import { onSend } from "../../ui/forms.js";
import { approve, contentsOf, passkeyCode } from "../../ui/approving.js";
import { b64urlDecode } from "../../protocol/encoding.js";
import { sentence } from "../../ui/problems.js";
import { say, sayFirst } from "../../ui/words.js";

const WATCHED_SECONDS = 15;
const api = new Api();
const page = one("[data-proposal]");
const { proposal: identifier = "", admin = "", host = "" } = page.dataset;

/** @returns {Promise<{ state: string, proposal: import("../../ui/approving.js").Proposal }>} */
async function load() {
  const found = await api.get(`admin/proposals/${identifier}`);
  const { operation, target, expires, state } = found;
  return { state, proposal: { operation, target, expires, body: b64urlDecode(found.body) } };
}

/** @param {import("../../ui/approving.js").Proposal} proposal */
function show(proposal) {
  const said = contentsOf(proposal);
  const { operation, target, expires } = proposal;
  fill(page, {
    what: say(`operation.${operation}`),
    target: sayFirst([`target.${target}`, "target.other"], { target }),
    expires: dateTime(expires),
    reason: said.reason,
    from: said.from,
    to: said.to,
    address: said.address,
    name: said.name,
    role: said.role && say(`role.${said.role}`),
    code: said.credential && passkeyCode(said.credential, said.public_key),
    wait: said.seconds && duration(said.seconds),
  });
}

/** The custodian decides within a second or two: what it says is what counts. */
async function watch() {
  fill(page, { progress: say("progress") });
  for (let second = 0; second < WATCHED_SECONDS; second += 1) {
    await pause(1);
    if ((await load()).state !== "open") break;
  }
  location.reload();
}

/** @param {HTMLButtonElement} button */
function offerRejection(button) {
  onPress(button, async () => {
    await confirmed(api, () => api.post(`admin/proposals/${identifier}/reject`));
    location.reload();
  });
}

async function begin() {
  try {
    const { proposal } = await load();
    show(proposal);
    const reject = /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-reject]"));
    if (reject !== null) offerRejection(reject);
    if (document.querySelector("[data-decided]") !== null) return await watch();
    const form = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-step=approve]"));
    if (form === null) return;
    const sign = async () => {
      await approve(api, { admin, host }, proposal);
      await watch();
    };
    onSend(form, sign, "proposal");
    form.hidden = false;
  } catch (error) {
    fill(page, { failed: sentence(error, "proposal") });
  }
}

void begin();
