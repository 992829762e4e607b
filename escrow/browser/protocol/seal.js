/**
 * Sealing a share to one public key: HPKE base mode, one shot (RFC 9180).
 *
 * KEM MLKEM768-X25519 ("X-Wing", 0x647a), HKDF-SHA256, ChaCha20-Poly1305. The result is
 * `enc (1120 bytes) ‖ ciphertext`; there is no AAD, so all context stands in
 *
 *     info = PAE("escrow/v1/seal/<purpose>", deposit, custody, manifest_hash, recovery, session,
 *                SHA-256(public_key))
 *
 * with purpose `deposit` (recovery and session empty) or `release`. Private keys are stored as their
 * 32-byte X-Wing seed; public keys have 1216 bytes (ML-KEM 1184 ‖ X25519 32). HPKE authenticates no
 * sender: what was opened counts only with a signature. Source: PROTOCOL.md section 8.
 */

import { concat, randomBytes, wipe } from "../platform/bytes.js";
import { hpke } from "../platform/hpke.js";
import { pae, rawId, sha256 } from "./encoding.js";
import { NotOpened, ProtocolError } from "./errors.js";

export const SEED_LENGTH_BYTES = 32;
export const PUBLIC_KEY_LENGTH_BYTES = 1216;
export const ENC_LENGTH_BYTES = 1120;
export const TAG_LENGTH_BYTES = 16;
const MLKEM_VECTOR_LENGTH_BYTES = 1152;
const MLKEM_MODULUS = 3329;
export const MAX_SEALED_LENGTH_BYTES = ENC_LENGTH_BYTES + 2048 + TAG_LENGTH_BYTES;

/** What a sealed share is bound to. `recovery` and `session` are null for a deposit. */
export class Binding {
  /**
   * @param {{
   *   deposit: string,
   *   custody: string,
   *   manifestHash: Uint8Array,
   *   recovery?: string | null,
   *   session?: string | null,
   * }} fields
   */
  constructor({ deposit, custody, manifestHash, recovery = null, session = null }) {
    this.deposit = deposit;
    this.custody = custody;
    this.manifestHash = manifestHash;
    this.recovery = recovery;
    this.session = session;
    Object.freeze(this);
  }

  /** Return the HPKE `info` for one 1216-byte public key. @param {Uint8Array} publicKey */
  info(publicKey) {
    const purpose = this.recovery === null ? "deposit" : "release";
    return pae(
      `escrow/v1/seal/${purpose}`,
      rawId(this.deposit),
      rawId(this.custody),
      this.manifestHash,
      rawId(this.recovery),
      rawId(this.session),
      sha256(publicKey),
    );
  }
}

/** An X-Wing private key by its 32-byte seed, which never shows. */
export class PrivateKey {
  #seed;

  /** @param {Uint8Array} seed */
  constructor(seed) {
    this.#seed = seed;
  }

  get seed() {
    return this.#seed;
  }

  /** Make a fresh key from the random generator. */
  static generate() {
    return new PrivateKey(randomBytes(SEED_LENGTH_BYTES));
  }

  /** Return the 1216-byte public key. */
  async publicKey() {
    const { publicKeyOf } = await hpke();
    return publicKeyOf(this.#seed);
  }

  /** Overwrite the seed. */
  wipe() {
    wipe(this.#seed);
  }
}

/**
 * Seal bytes to a 1216-byte public key, bound to a deposit or a recovery's session.
 *
 * Returns `enc ‖ ciphertext`, 1136 bytes longer than the plaintext. Throws
 * ProtocolError("wrong_public_key").
 * @param {Uint8Array} plaintext @param {Uint8Array} publicKey @param {Binding} binding
 */
export async function seal(plaintext, publicKey, binding) {
  return encrypt(plaintext, publicKey, binding.info(publicKey));
}

/** @param {Uint8Array} plaintext @param {Uint8Array} publicKey @param {Uint8Array} info */
async function encrypt(plaintext, publicKey, info) {
  const { suite } = await hpke();
  if (publicKey.length !== PUBLIC_KEY_LENGTH_BYTES || !isReduced(publicKey)) throw badPublicKey();
  try {
    const key = await suite.DeserializePublicKey(publicKey);
    const { encapsulatedSecret, ciphertext } = await suite.Seal(key, plaintext, { info });
    return concat(encapsulatedSecret, ciphertext);
  } catch {
    throw badPublicKey();
  }
}

/**
 * Tell whether all 12-bit coefficients of the ML-KEM part are below its modulus: the check of
 * FIPS 203 section 7.2, which not every WebCrypto makes.
 * @param {Uint8Array} publicKey
 */
function isReduced(publicKey) {
  for (let i = 0; i < MLKEM_VECTOR_LENGTH_BYTES; i += 3) {
    const first = publicKey[i] | ((publicKey[i + 1] & 15) << 8);
    const second = (publicKey[i + 1] >> 4) | (publicKey[i + 2] << 4);
    if (first >= MLKEM_MODULUS || second >= MLKEM_MODULUS) return false;
  }
  return true;
}

function badPublicKey() {
  const message = `This is not a public key of ${PUBLIC_KEY_LENGTH_BYTES} bytes.`;
  return new ProtocolError(message, { code: "wrong_public_key" });
}

/**
 * Open sealed bytes; throws NotOpened for any other key, binding or content.
 * @param {Uint8Array} sealed @param {PrivateKey} key @param {Binding} binding
 */
export async function open(sealed, key, binding) {
  const { suite } = await hpke();
  const info = binding.info(await key.publicKey());
  const copy = key.seed.slice();
  try {
    const privateKey = await suite.DeserializePrivateKey(copy, false);
    const [enc, ciphertext] = [sealed.slice(0, ENC_LENGTH_BYTES), sealed.slice(ENC_LENGTH_BYTES)];
    return await suite.Open(privateKey, enc, ciphertext, { info });
  } catch {
    throw new NotOpened("The sealed share does not open.");
  } finally {
    wipe(copy);
  }
}

/** Refuse bytes to which nothing can be sealed; throws ProtocolError("wrong_public_key"). @param {Uint8Array} publicKey */
export async function checkPublicKey(publicKey) {
  await encrypt(new Uint8Array(0), publicKey, new Uint8Array(0));
}
