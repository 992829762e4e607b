/** What counts as white space in Python's `str`; JavaScript's `\s` is another set. */
const WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const ENDS = new RegExp(`^[${WHITE}]+|[${WHITE}]+$`, "g");
const RUN = new RegExp(`[${WHITE}]+`);
const SPACES_AND_DASHES = new RegExp(`[${WHITE}-]`, "g");

/** @param {string} text */
export function hasWhiteSpace(text) {
  return RUN.test(text);
}

/** @param {string} text */
export function strip(text) {
  return text.replace(ENDS, "");
}

/** Split at white space, as Python's `split()` does. @param {string} text */
export function splitWords(text) {
  return text.split(RUN).filter((word) => word !== "");
}

/** Leave out what people put between digits. @param {string} text */
export function withoutSpacesAndDashes(text) {
  return text.replace(SPACES_AND_DASHES, "");
}

/** Count code points, as Python's `len` does. @param {string} text */
export function lengthOf(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Tell whether there is half a surrogate pair, which has no UTF-8 form. @param {string} text */
export function hasLoneSurrogate(text) {
  return /[\ud800-\udfff]/u.test(text);
}
