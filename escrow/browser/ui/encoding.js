// Reading what the API hands over as base64url.

/**
 * @param {string} text base64url without padding
 * @returns {Uint8Array}
 */
export function fromBase64url(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * Return the JSON document that is inside; to show it, not to rely on it.
 * @param {string} text base64url without padding
 * @returns {any}
 */
export function documentIn(text) {
  return JSON.parse(new TextDecoder().decode(fromBase64url(text)));
}
