/**
 * Base64 in both alphabets (RFC 4648), without looking anything up by a secret: each character is
 * computed from its six bits, and back, by comparisons that become masks.
 */

/** Give 1 where low ≤ x ≤ high, else 0. @param {number} x @param {number} low @param {number} high */
function within(x, low, high) {
  return (((low - 1 - x) & (x - high - 1)) >>> 31) & 1;
}

/** @param {number} six @param {boolean} url */
function characterCode(six, url) {
  return (
    within(six, 0, 25) * (six + 65) +
    within(six, 26, 51) * (six + 71) +
    within(six, 52, 61) * (six - 4) +
    within(six, 62, 62) * (url ? 45 : 43) +
    within(six, 63, 63) * (url ? 95 : 47)
  );
}

/** Give the six bits of a character, or −1. @param {number} code @param {boolean} url */
function sixBits(code, url) {
  const [last, first] = url ? [95, 45] : [47, 43];
  return (
    within(code, 65, 90) * (code - 64) +
    within(code, 97, 122) * (code - 70) +
    within(code, 48, 57) * (code + 5) +
    within(code, first, first) * 63 +
    within(code, last, last) * 64 -
    1
  );
}

/** Write bytes as base64, without padding if for an address. @param {Uint8Array} data @param {boolean} url */
export function encodeBase64(data, url) {
  const pieces = [];
  for (let i = 0; i < data.length; i += 3) {
    const rest = data.length - i;
    const bits = (data[i] << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
    for (let k = 0; k < 4; k++) {
      if (k <= rest) pieces.push(characterCode((bits >> (18 - 6 * k)) & 63, url));
      else if (!url) pieces.push(61);
    }
  }
  let text = "";
  for (let i = 0; i < pieces.length; i += 4096) {
    text += String.fromCharCode(...pieces.slice(i, i + 4096));
  }
  return text;
}

/**
 * Read canonical base64; undefined for anything else.
 * @param {string} text @param {boolean} url @returns {Uint8Array | undefined}
 */
export function decodeBase64(text, url) {
  const padding = url ? 0 : text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const length = text.length - padding;
  if (length % 4 === 1 || (!url && text.length % 4)) return undefined;
  const data = new Uint8Array(Math.floor((length * 3) / 4));
  let bits = 0;
  let wrong = 0;
  for (let i = 0, at = 0; i < length; i++) {
    const six = sixBits(text.charCodeAt(i), url);
    wrong |= six;
    bits = ((bits << 6) | six) & 0xfff;
    if (i % 4) data[at++] = bits >> (6 - 2 * (i % 4));
  }
  const unused = length % 4 === 2 ? bits & 15 : length % 4 === 3 ? bits & 3 : 0;
  return wrong < 0 || unused ? undefined : data;
}
