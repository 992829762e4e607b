// Showing the key of an authenticator app: as a code, a link, and text in groups of four.

import { one } from "./dom.js";
import { grouped } from "./widgets.js";

/**
 * @param {ParentNode} root
 * @param {{ totp_secret: string, otpauth_uri: string, otpauth_qr: string }} made
 */
export function showTotp(root, made) {
  /** @type {HTMLImageElement} */ (one("img.qr", root)).src = made.otpauth_qr;
  /** @type {HTMLAnchorElement} */ (one("[data-otpauth]", root)).href = made.otpauth_uri;
  const key = one("#totp-key", root);
  key.textContent = grouped(made.totp_secret);
  key.dataset.value = made.totp_secret;
}

/**
 * Take the key off the page: it has done its work.
 * @param {ParentNode} root
 */
export function hideTotp(root) {
  one("img.qr", root).removeAttribute("src");
  one("[data-otpauth]", root).setAttribute("href", "#");
  const key = one("#totp-key", root);
  key.textContent = "";
  delete key.dataset.value;
}
