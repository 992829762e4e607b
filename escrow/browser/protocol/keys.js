/**
 * Keys derived from the recovery key `R` and from share values.
 *
 * All by HKDF-SHA256 with `salt = context = SHA-256(PAE("escrow/v1/context", deposit))`:
 *
 * | from | info | gives |
 * |---|---|---|
 * | R | PAE("escrow/v1/key/owner") | Ed25519 seed of the owner key |
 * | share value | PAE("escrow/v1/key/release", custody) | Ed25519 seed of the release key |
 * | share value | PAE("escrow/v1/key/check", custody) | the check seed, 16 bytes |
 * | check seed | PAE("escrow/v1/key/attest", custody) | Ed25519 seed of the attest key |
 *
 * `R` as Bech32 with prefix `AGE-SECRET-KEY-` is an X25519 age identity. Source: PROTOCOL.md
 * section 4.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { bigInteger, concat, unhex, wipe } from "../platform/bytes.js";
import { Ed25519PrivateKey, isSignature } from "../platform/ed25519.js";
import * as bech32 from "./bech32.js";
import { pae, paeHash, rawId } from "./encoding.js";
import { BadSignature, ProtocolError } from "./errors.js";

export const CHECK_SEED_LENGTH_BYTES = 16;
export const CHECK_CODE_DIGITS = 40;
export const AGE_IDENTITY_PREFIX = "AGE-SECRET-KEY-";

/** Return the 32-byte context of a deposit: the salt of every derivation in it. @param {string} deposit */
export function context(deposit) {
  return paeHash("escrow/v1/context", rawId(deposit));
}

/**
 * Derive `length` bytes with HKDF-SHA256 (RFC 5869).
 *
 * Written out, because the library's leaves a copy of what it derives in memory.
 * @param {Uint8Array} secret @param {Uint8Array} salt @param {Uint8Array} info @param {number} [length]
 */
export function hkdf(secret, salt, info, length = 32) {
  const key = hmac(sha256, salt, secret);
  const derived = new Uint8Array(length);
  /** @type {Uint8Array} */
  let block = new Uint8Array(0);
  for (let i = 1, at = 0; at < length; i++, at += block.length) {
    const input = concat(block, info, Uint8Array.of(i));
    wipe(block);
    block = hmac(sha256, key, input);
    wipe(input);
    derived.set(block.subarray(0, length - at), at);
  }
  wipe(key, block);
  return derived;
}

/** Derive the owner key of a deposit from its 32-byte recovery key. @param {Uint8Array} recoveryKey @param {string} deposit */
export function ownerKey(recoveryKey, deposit) {
  const seed = hkdf(recoveryKey, context(deposit), pae("escrow/v1/key/owner"));
  return Ed25519PrivateKey.fromPrivateBytes(seed);
}

/**
 * Derive the release key of a custody from its 32-byte share value.
 * @param {Uint8Array} shareValue @param {string} deposit @param {string} custody
 */
export function releaseKey(shareValue, deposit, custody) {
  const info = pae("escrow/v1/key/release", rawId(custody));
  return Ed25519PrivateKey.fromPrivateBytes(hkdf(shareValue, context(deposit), info));
}

/**
 * Derive the 16-byte check seed of a custody: it proves the paper is there, nothing else.
 * @param {Uint8Array} shareValue @param {string} deposit @param {string} custody
 */
export function checkSeed(shareValue, deposit, custody) {
  const info = pae("escrow/v1/key/check", rawId(custody));
  return hkdf(shareValue, context(deposit), info, CHECK_SEED_LENGTH_BYTES);
}

/**
 * Derive the attest key of a custody from its 16-byte check seed.
 * @param {Uint8Array} seed @param {string} deposit @param {string} custody
 */
export function attestKey(seed, deposit, custody) {
  const info = pae("escrow/v1/key/attest", rawId(custody));
  return Ed25519PrivateKey.fromPrivateBytes(hkdf(seed, context(deposit), info));
}

/** Return the 32-byte public key of an Ed25519 private key. @param {Ed25519PrivateKey} key */
export function publicBytes(key) {
  return key.publicKey;
}

/**
 * Check an Ed25519 signature (64 bytes) by a 32-byte public key; throws BadSignature.
 * @param {Uint8Array} publicKey @param {Uint8Array} signature @param {Uint8Array} message
 */
export async function verify(publicKey, signature, message) {
  if (!(await isSignature(publicKey, signature, message))) {
    throw new BadSignature("The signature does not fit the key and the contents.");
  }
}

/** Write 32 bytes as an age X25519 identity (`AGE-SECRET-KEY-1…`). @param {Uint8Array} secret */
export function ageIdentity(secret) {
  return bech32.encode(AGE_IDENTITY_PREFIX.toLowerCase(), secret).toUpperCase();
}

/** Read the 32 bytes of an age X25519 identity; throws ProtocolError("wrong_bech32"). @param {string} identity */
export function ageIdentityBytes(identity) {
  const [prefix, data] = bech32.decode(identity);
  if (prefix !== AGE_IDENTITY_PREFIX.toLowerCase() || data.length !== 32) {
    throw new ProtocolError("This is not an age identity.", { code: "wrong_bech32" });
  }
  return data;
}

/** Write a check seed (16 bytes) as 40 digits. @param {Uint8Array} seed */
export function checkCode(seed) {
  return String(bigInteger(seed)).padStart(CHECK_CODE_DIGITS, "0");
}

/**
 * Read a check seed from its 40 digits; spaces and dashes are ignored.
 *
 * Throws ProtocolError("wrong_check_code") for another length or a number of 2^128 and above.
 * @param {string} code
 */
export function checkCodeSeed(code) {
  const plain = code.replace(/[ \-\t\n\r\u00a0]/g, "");
  if (plain.length !== CHECK_CODE_DIGITS || !/^[0-9]+$/.test(plain)) {
    throw new ProtocolError("A check code has 40 digits.", { code: "wrong_check_code" });
  }
  const number = BigInt(plain);
  if (number >> BigInt(8 * CHECK_SEED_LENGTH_BYTES)) {
    throw new ProtocolError("This is not a check code: compare it with the paper.", {
      code: "wrong_check_code",
    });
  }
  return unhex(number.toString(16).padStart(2 * CHECK_SEED_LENGTH_BYTES, "0"));
}
