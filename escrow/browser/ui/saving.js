// Handing bytes to the browser as a file to save.

import { wipe } from "../platform/bytes.js";

/** Some browsers read it only after the click has returned. */
const READ_MILLISECONDS = 60_000;

/**
 * Save these bytes under this name, and overwrite them: they are the caller's no longer.
 * @param {string} name
 * @param {Uint8Array} bytes of any length, exactly what the file will hold
 * @param {string} type the media type
 */
export function saveFile(name, bytes, type) {
  const file = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)], { type });
  wipe(bytes);
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), READ_MILLISECONDS);
}

/**
 * Save a report, which is checked byte for byte, as it came.
 * @param {string} text
 * @param {string} name
 */
export function saveReport(text, name) {
  saveFile(name, new TextEncoder().encode(text), "application/json");
}
