// QR codes, drawn.

import { encodeQR } from "qr";

/** Draw a text as a code; false when it is too long for one. @param {HTMLCanvasElement} canvas @param {string} text */
export function drawCode(canvas, text) {
  let rows;
  try {
    rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  } catch {
    return false;
  }
  const size = Math.max(2, Math.floor(480 / rows.length));
  canvas.width = canvas.height = rows.length * size;
  const context = canvas.getContext("2d");
  if (!context) return false;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000";
  for (const [y, row] of rows.entries()) {
    for (const [x, dark] of row.entries()) if (dark) context.fillRect(x * size, y * size, size, size);
  }
  return true;
}
