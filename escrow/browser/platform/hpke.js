/**
 * HPKE (RFC 9180) with KEM MLKEM768-X25519 ("X-Wing"), HKDF-SHA256 and ChaCha20-Poly1305, by the
 * library `hpke`: with the browser's own ML-KEM where it has all that is needed, otherwise with
 * `@panva/hpke-noble`, which is loaded only then. (Needed are ML-KEM, SHA-3 and ChaCha20-Poly1305;
 * Chromium 156 lacks SHA-3.)
 *
 * Neither tells the public key of a private one, so that is done here:
 * `SHAKE256(seed, 96)` = ML-KEM seed (64) ‖ X25519 key (32).
 */

import {
  AEAD_ChaCha20Poly1305,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_MLKEM768_X25519,
} from "hpke";

import { decodeBase64 } from "./base64.js";
import { concat, source, unhex, utf8, wipe } from "./bytes.js";

/**
 * @typedef {object} Hpke
 * @property {CipherSuite} suite
 * @property {(seed: Uint8Array) => Promise<Uint8Array>} publicKeyOf 1216 bytes of a 32-byte seed
 */

const EXPANDED_LENGTH_BITS = 768;
const MLKEM_SEED_LENGTH_BYTES = 64;
const PKCS8_PREFIX = unhex("302e020100300506032b656e04220420");

/** @type {Promise<Hpke> | undefined} */
let chosen;

/** Give what works here. Found out once, by using it. */
export function hpke() {
  chosen ??= worksNatively().then((works) => (works ? native() : portable()));
  return chosen;
}

/** HPKE by WebCrypto alone. @returns {Hpke} */
export function native() {
  const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305);
  return { suite, publicKeyOf: nativePublicKey };
}

/** HPKE in JavaScript. @returns {Promise<Hpke>} */
export async function portable() {
  const [noble, { MLKEM768X25519 }] = await Promise.all([
    import("@panva/hpke-noble"),
    import("@noble/post-quantum/hybrid.js"),
  ]);
  const { KEM_MLKEM768_X25519: kem, KDF_HKDF_SHA256: kdf, AEAD_ChaCha20Poly1305: aead } = noble;
  return {
    suite: new CipherSuite(kem, kdf, aead),
    publicKeyOf: async (seed) => MLKEM768X25519.getPublicKey(seed),
  };
}

async function worksNatively() {
  const { suite, publicKeyOf } = native();
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const message = utf8("escrow");
  try {
    const publicKey = await suite.DeserializePublicKey(await publicKeyOf(seed));
    const { encapsulatedSecret, ciphertext } = await suite.Seal(publicKey, message);
    const privateKey = await suite.DeserializePrivateKey(seed, false);
    const opened = await suite.Open(privateKey, encapsulatedSecret, ciphertext);
    return opened.length === message.length;
  } catch {
    return false;
  }
}

/** @param {Uint8Array} seed @returns {Promise<Uint8Array>} */
async function nativePublicKey(seed) {
  // Newer than the types that TypeScript knows.
  const subtle = /** @type {any} */ (crypto.subtle);
  const lengths = { length: EXPANDED_LENGTH_BITS, outputLength: EXPANDED_LENGTH_BITS };
  const expanded = new Uint8Array(await subtle.digest({ name: "cSHAKE256", ...lengths }, seed));
  const latticeSeed = expanded.subarray(0, MLKEM_SEED_LENGTH_BYTES);
  const pkcs8 = concat(PKCS8_PREFIX, expanded.subarray(MLKEM_SEED_LENGTH_BYTES));
  try {
    const lattice = ["raw-seed", latticeSeed, "ML-KEM-768", true, ["decapsulateBits"]];
    const hidden = await subtle.importKey(...lattice);
    const open = await subtle.getPublicKey(hidden, ["encapsulateBits"]);
    const latticePublic = new Uint8Array(await subtle.exportKey("raw-public", open));
    // WebCrypto tells the public half only in a JWK, so of a copy that may be exported.
    const curve = await subtle.importKey("pkcs8", source(pkcs8), "X25519", true, ["deriveBits"]);
    const { x } = await subtle.exportKey("jwk", curve);
    return concat(latticePublic, decodeBase64(x, true) ?? new Uint8Array(0));
  } finally {
    wipe(expanded, pkcs8);
  }
}
