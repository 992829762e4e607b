/** What the customer decides for a deposit, and what would not help her. */

import { lengthOf, strip } from "../platform/text.js";
import { MAX_SECRET_LENGTH_BYTES } from "../protocol/envelope.js";
import { MAX_ADDRESS_LENGTH, MAX_NAME_LENGTH } from "../protocol/kit.js";
import { isPolicy } from "../protocol/slip39.js";
import { ClientError } from "./errors.js";
import { canonical } from "./signin.js";

export const MAX_LABEL_LENGTH = 80;
// As the service takes them: see `Address` in escrow/api.py.
const ADDRESS =
  /^[a-z0-9!#$%&'*+/=?^`_{|}~-]+(\.[a-z0-9!#$%&'*+/=?^`_{|}~-]+)*@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** @typedef {{ name: string, address: string }} Person */

/**
 * What the customer decided. `contacts` are given as she typed them, `url` is the service's origin.
 *
 * @typedef {object} Plan
 * @property {string} label
 * @property {Uint8Array} secret it is overwritten once it is sealed, or cannot be
 * @property {readonly Person[]} contacts
 * @property {number} needed
 * @property {number} waitingSeconds
 * @property {boolean} contactsReplaceTotp
 * @property {string | null} replaces
 * @property {string} url
 * @property {"real" | "drill"} [kind]
 */

/** Say how many contacts are needed, where nothing else is chosen. @param {number} count */
export function proposedNeeded(count) {
  return Math.min(count, 2);
}

/**
 * Check a plan and write its texts as they will be signed.
 *
 * Throws ClientError: wrong_label, wrong_contact_option, own_address, contact_twice, wrong_policy,
 * wait_too_short, wrong_secret_length; `details.field` says where.
 * @param {Plan} plan
 * @param {{ ownAddresses: readonly string[], minimumWaitingSeconds: number }} known
 * @returns {Plan}
 */
export function checkPlan(plan, { ownAddresses, minimumWaitingSeconds }) {
  const label = strip(plan.label).normalize("NFC");
  if (!label || lengthOf(label) > MAX_LABEL_LENGTH || CONTROL.test(label)) {
    throw new ClientError("wrong_label", { field: "label" });
  }
  if (plan.kind !== "drill" && plan.waitingSeconds < minimumWaitingSeconds) {
    throw new ClientError("wait_too_short", { field: "waiting_seconds" });
  }
  if (plan.secret.length < 1 || plan.secret.length > MAX_SECRET_LENGTH_BYTES) {
    throw new ClientError("wrong_secret_length", { field: "secret" });
  }
  const contacts = checkContacts(plan.contacts, plan.needed, ownAddresses);
  return { ...plan, label, contacts };
}

/**
 * Check contacts as she names them; throws what `checkPlan` throws.
 * @param {readonly Person[]} contacts @param {number} needed @param {readonly string[]} ownAddresses
 * @returns {readonly Person[]}
 */
export function checkContacts(contacts, needed, ownAddresses) {
  const own = new Set(ownAddresses.map(canonical));
  /** @type {Set<string>} */
  const seen = new Set();
  const found = contacts.map((each, i) => {
    const name = strip(each.name).normalize("NFC");
    const address = canonical(each.address);
    const field = `contacts.${i}`;
    const fits = name && lengthOf(name) <= MAX_NAME_LENGTH && !CONTROL.test(name);
    if (!fits || address.length > MAX_ADDRESS_LENGTH || !ADDRESS.test(address)) {
      throw new ClientError("wrong_contact_option", { field });
    }
    if (own.has(address)) throw new ClientError("own_address", { field });
    if (seen.has(address)) throw new ClientError("contact_twice", { field });
    seen.add(address);
    return { name, address };
  });
  if (!isPolicy(needed, found.length)) throw new ClientError("wrong_policy", { field: "needed" });
  return found;
}
