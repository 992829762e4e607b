/** In a page: walk vectors, with all that the browser has or without some of it. */

import { hpke, native } from "../../../escrow/browser/platform/hpke.js";
import { walk } from "./walk.js";

/**
 * Take algorithms away from WebCrypto, as an older browser does.
 * @param {string[]} names
 */
function takeAway(names) {
  const { subtle } = crypto;
  for (const method of /** @type {const} */ (["importKey", "generateKey", "digest"])) {
    const real = /** @type {any} */ (subtle)[method].bind(subtle);
    Object.defineProperty(subtle, method, {
      value: (/** @type {any[]} */ ...given) =>
        given.some((each) => names.includes(each?.name ?? each))
          ? Promise.reject(new DOMException("Unrecognized name", "NotSupportedError"))
          : real(...given),
    });
  }
}

Object.assign(globalThis, {
  takeAway,
  walk,
  isNative: async () => (await hpke()).publicKeyOf === native().publicKeyOf,
});
