// Reading what the API hands over as base64url.

import { decodeBase64 } from "../platform/base64.js";

/**
 * Return the JSON document that is inside; to show it, not to rely on it.
 * @param {string} text base64url without padding
 * @returns {any}
 */
export function documentIn(text) {
  return JSON.parse(new TextDecoder().decode(decodeBase64(text, true)));
}
