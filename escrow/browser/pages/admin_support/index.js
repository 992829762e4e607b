// Find one customer. The address travels in a body, so that it stays out of history and logs.

import { Api } from "../../ui/api.js";
import { copyOf, fill, one } from "../../ui/dom.js";
import { NotUsable, address, onSend } from "../../ui/forms.js";

const api = new Api();

/** @param {HTMLFormElement} form */
async function find(form) {
  one("[data-accounts]").replaceChildren();
  const { accounts } = await api.post("admin/support", { address: address(form, "address") });
  if (accounts.length === 0) throw new NotUsable("support.none");
  if (accounts.length === 1) return location.assign(`/admin/support/${accounts[0]}`);
  const lines = accounts.map((/** @type {string} */ account) => {
    const line = copyOf("account");
    fill(line, { account: account.slice(0, 8) });
    one("a", line).setAttribute("href", `/admin/support/${account}`);
    return line;
  });
  one("[data-accounts]").replaceChildren(...lines);
}

onSend(/** @type {HTMLFormElement} */ (one("[data-step=address]")), find, "address");
