/** The fields for the words of a piece, with what the page says about them. */

import { WordFields } from "../ui/wordfields.js";
import { copyOf, filled, one, sentence } from "./dom.js";

/** Make the fields, in the page's present language. */
export function makeFields() {
  return new WordFields(one("[data-words]"), {
    line: () => copyOf("#page template[data-word]"),
    note: () => copyOf("#page template[data-wrong-word]"),
    wrong: (number, proposals) =>
      filled(sentence(proposals.length ? "is-it" : "not-in-list"), { number, words: proposals.join(", ") }),
  });
}
