// Passkeys on a page: under the name of this site, and only where a browser may have them at all.

import { PasskeyError } from "../client/passkey.js";
import { sentence } from "./problems.js";

/** The name under which passkeys of this site are kept. */
export const rpId = location.hostname;

/** Whether passkeys can be tried here: a browser that knows them, on an address that is a name. */
export function mayTry() {
  return "PublicKeyCredential" in globalThis && !/^[\d.:[\]]+$/.test(location.hostname);
}

/**
 * Say what went wrong; what a passkey refuses leads to the card.
 * @param {unknown} error
 * @param {string} [context] for all that is no matter of the passkey
 */
export function refusal(error, context = "") {
  return sentence(error, error instanceof PasskeyError ? "passkey" : context);
}
