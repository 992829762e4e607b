// The list of keys: what is typed travels in a body and comes back as a number or a hash, which is
// all that the page's address says. Views of the list are kept and deleted.

import { Api } from "../../ui/api.js";
import { all, copyOf, fill, one } from "../../ui/dom.js";
import { NotUsable, onSend, typed } from "../../ui/forms.js";

const api = new Api();
const HERE = "/admin/custody";

/**
 * Return what stands in a field, and what it stood for when nobody has changed it.
 * @param {string} id
 */
function field(id) {
  const input = /** @type {HTMLInputElement} */ (one(`#${id}`));
  const kept = input.value === input.defaultValue ? (input.dataset.kept ?? "") : "";
  return { kept, text: kept ? "" : input.value.trim() };
}

/** @param {URLSearchParams} wanted @param {string[]} accounts */
function offer(wanted, accounts) {
  const lines = accounts.map((account) => {
    const line = copyOf("account");
    fill(line, { account: account.slice(0, 8) });
    one("a", line).setAttribute("href", `${HERE}?${added(wanted, { account })}`);
    return line;
  });
  one("[data-accounts]").replaceChildren(...lines);
}

/** @param {URLSearchParams} wanted @param {Record<string, string>} more */
function added(wanted, more) {
  return new URLSearchParams([...wanted, ...Object.entries(more)]).toString();
}

/** @param {HTMLFormElement} form */
async function show(form) {
  one("[data-accounts]").replaceChildren();
  const chosen = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  const wanted = new URLSearchParams(chosen.filter(([, value]) => value !== ""));
  const [find, domain] = [field("find"), field("domain")];
  const found = { accounts: /** @type {string[]} */ ([]), deposit: null, domain: null };
  if (find.text || domain.text) {
    const asked = { find: find.text, domain: domain.text };
    Object.assign(found, await api.post("admin/lookups", asked));
  }
  if (found.deposit) return location.assign(`/admin/deposits/${found.deposit}`);
  const hash = domain.kept || found.domain;
  if (hash) wanted.set("domain", hash);
  if (find.text && found.accounts.length === 0) throw new NotUsable("find.none");
  if (found.accounts.length > 1) return offer(wanted, found.accounts);
  const account = find.kept || found.accounts[0];
  location.assign(`${HERE}?${added(wanted, account ? { account } : {})}`);
}

/** @param {HTMLFormElement} form */
async function keep(form) {
  const name = typed(form, "view-name");
  if (name === "") throw new NotUsable("name.empty");
  const filter = Object.fromEntries(new URLSearchParams(form.dataset.saveView));
  await api.post("admin/views", { ...filter, name });
  location.reload();
}

onSend(/** @type {HTMLFormElement} */ (one("[data-find]")), show);
for (const form of all("[data-save-view]")) onSend(/** @type {HTMLFormElement} */ (form), keep);
for (const button of all("[data-delete-view]")) {
  button.addEventListener("click", async () => {
    await api.delete(`admin/views/${button.dataset.deleteView}`);
    location.assign(HERE);
  });
}
