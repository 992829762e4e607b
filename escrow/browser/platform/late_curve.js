/**
 * X25519 for the library `age-encryption` in browsers that lack it: the build puts this in the place
 * of `@noble/curves`, which is then loaded when it is needed, not by everybody. The library awaits
 * what these functions give.
 */

const load = () => import("@noble/curves/ed25519.js");

export const x25519 = {
  GuBytes: Uint8Array.of(9, ...new Uint8Array(31)), // the base point, RFC 7748 section 4.1

  /** @param {Uint8Array} scalar @param {Uint8Array} u */
  async scalarMult(scalar, u) {
    return (await load()).x25519.scalarMult(scalar, u);
  },

  /** @param {Uint8Array} scalar */
  async scalarMultBase(scalar) {
    return (await load()).x25519.scalarMultBase(scalar);
  },
};
