/** A deposit that is ready to be sent: the body of the request, the kit, and the invitations. */

import { b64url } from "../protocol/encoding.js";
import { InvitationLink } from "../protocol/qr.js";
import { ClientError } from "./errors.js";

/** @typedef {import("../protocol/invitation.js").Password} Password */
/** @typedef {import("../protocol/kit.js").Contact} Contact */
/** @typedef {import("../protocol/kit.js").Kit} Kit */

/** One contact's invitation as it will travel: link and digits by two ways. */
export class Invited {
  #url;
  /** @type {Password | null} */
  #password;

  /**
   * @param {{
   *   custody: string,
   *   contact: Contact,
   *   sealed: Uint8Array,
   *   fetchSha256: Uint8Array,
   *   url: string,
   *   password: Password,
   * }} fields
   */
  constructor({ custody, contact, sealed, fetchSha256, url, password }) {
    this.custody = custody;
    this.contact = contact;
    this.sealed = sealed;
    this.fetchSha256 = fetchSha256;
    this.#url = url;
    this.#password = password;
  }

  /** @param {boolean} inPerson */
  #link(inPerson) {
    if (!this.#password) throw new ClientError("gone");
    const { fragment, digits } = this.#password;
    const link = { host: this.#url, custody: this.custody, fragment };
    return new InvitationLink({ ...link, digits: inPerson ? digits : null }).text;
  }

  /** The link to send. The digits must not travel the same way. */
  get link() {
    return this.#link(false);
  }

  /** The 16 digits to say on the telephone. */
  get digits() {
    if (!this.#password) throw new ClientError("gone");
    return this.#password.digits;
  }

  /** Link and digits in one, as a QR code for someone in the room. */
  get inPerson() {
    return this.#link(true);
  }

  /** Forget link and digits. A string cannot be overwritten; nothing refers to it any more. */
  wipe() {
    this.#password = null;
  }
}

/** A deposit that is ready to be sent. */
export class Made {
  #body;

  /** @param {{ kit: Kit, providerShare: Uint8Array, invited: readonly Invited[] }} fields */
  constructor({ kit, providerShare, invited }) {
    this.kit = kit;
    this.invited = Object.freeze([...invited]);
    this.#body = bodyOf(kit, providerShare, invited);
    Object.freeze(this);
  }

  get manifest() {
    return this.kit.manifest;
  }

  /** The body of PUT deposits/{d}: the same one every time. It holds no secret in clear. */
  get body() {
    return this.#body;
  }

  /** Overwrite the customer's piece, and forget links and digits. */
  wipe() {
    this.kit.wipe();
    for (const each of this.invited) each.wipe();
  }
}

/** @param {Kit} kit @param {Uint8Array} providerShare @param {readonly Invited[]} invited */
function bodyOf(kit, providerShare, invited) {
  return Object.freeze({
    manifest: b64url(kit.manifest.data),
    manifest_signature: b64url(kit.manifestSignature),
    envelope: b64url(kit.envelope),
    provider_share: b64url(providerShare),
    contacts: invited.map(({ custody, sealed, fetchSha256, contact }) => ({
      custody,
      invitation: b64url(sealed),
      fetch_sha256: b64url(fetchSha256),
      name: contact.name,
      address: contact.address,
      nonce: b64url(contact.nonce),
    })),
  });
}
