/** The key that came back: hidden until asked for, then shown, copied, saved or drawn as a code. */

import { decodeUtf8, wipe } from "../platform/bytes.js";
import { drawCode } from "../ui/code.js";
import { saveFile } from "../ui/saving.js";
import { all, fill, filled, on, one, sentence } from "./dom.js";

const FILE = "key.txt";

/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {{ secret: Uint8Array, manifest: Manifest | null }} Found */

/** @param {Uint8Array} secret */
function isText(secret) {
  try {
    // A control character other than a tab or a line's end shows as nothing, or as something else.
    return !/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(decodeUtf8(secret));
  } catch {
    return false;
  }
}

/** @param {string} name @param {Record<string, string>} [values] */
function say(name, values = {}) {
  one("[data-delivered]").textContent = filled(sentence(name), values);
}

/** @param {boolean} shown @param {Uint8Array} secret */
function show(shown, secret) {
  const place = one("#secret");
  place.textContent = shown ? decodeUtf8(secret) : "";
  place.hidden = !shown;
  one('[data-act="show"]').hidden = shown;
  one('[data-act="hide"]').hidden = !shown;
  one(`[data-act="${shown ? "hide" : "show"}"]`).focus();
}

/** @param {Uint8Array} secret */
async function copy(secret) {
  try {
    await navigator.clipboard.writeText(decodeUtf8(secret));
    say("copied");
  } catch {
    say("not-copied");
  }
}

/** @param {Uint8Array} secret */
function save(secret) {
  saveFile(FILE, new Uint8Array(secret), "application/octet-stream");
  say("saved", { file: FILE });
}

/** @param {Uint8Array} secret */
function draw(secret) {
  const canvas = one("#qr");
  if (canvas.hidden && !drawCode(/** @type {HTMLCanvasElement} */ (canvas), decodeUtf8(secret))) {
    say("too-long");
    return;
  }
  canvas.hidden = !canvas.hidden;
  one('[data-act="qr"]').setAttribute("aria-expanded", String(!canvas.hidden));
}

/** Overwrite what the page shows of the key, and the key. @param {Found | null} found */
export function forget(found) {
  wipe(found?.secret);
  for (const place of all("#secret")) place.textContent = "";
  for (const canvas of all("#qr")) /** @type {HTMLCanvasElement} */ (canvas).width = 0;
}

/** Fill in the part of the page that hands over the key. @param {Found} found @param {string} language */
export function present(found, language) {
  const { secret, manifest } = found;
  const text = isText(secret);
  for (const element of all("[data-text-only]")) element.hidden = !text;
  one("[data-binary]").hidden = text;
  one("[data-checked]").hidden = !manifest;
  one("[data-unchecked]").hidden = manifest !== null;
  if (manifest) {
    const values = { label: manifest.label, date: dateOf(manifest, language) };
    fill(one("[data-checked] [data-text]"), values);
  }
  on('[data-act="show"]', "click", () => show(true, secret));
  on('[data-act="hide"]', "click", () => show(false, secret));
  on('[data-act="copy"]', "click", () => void copy(secret));
  on('[data-act="save"]', "click", () => save(secret));
  on('[data-act="qr"]', "click", () => draw(secret));
}

/** @param {Manifest} manifest @param {string} language */
export function dateOf(manifest, language) {
  const locale = language === "en" ? "en-GB" : language;
  return new Intl.DateTimeFormat(locale, { dateStyle: "full" }).format(manifest.createdAt * 1000);
}
