/**
 * Passkeys with WebAuthn's extension PRF: secret bytes that only this authenticator gives.
 *
 * A passkey is made with `create()` and then used with a separate `get()`. Whether an authenticator
 * can do this at all is seen by the result, never by what the browser says of itself: `PasskeyError`
 * leads to the card. Of a credential nothing but its identifier is handed on; results of PRF are
 * copied for who asked, overwritten, and never stand in anything that is sent. `credentials` is
 * handed in: a page's `navigator.credentials`. Source: PROTOCOL.md section 7.
 */

import { randomBytes, source, utf8, wipe } from "../platform/bytes.js";
import { PRF_OUTPUT_LENGTH_BYTES } from "../protocol/wrap.js";
import { ClientError } from "./errors.js";

/** @typedef {Pick<CredentialsContainer, "create" | "get">} Credentials `navigator.credentials` */
/** @typedef {"share" | "check"} Part */
/** @typedef {{ [part in Part]?: Uint8Array }} Outputs 32 bytes for each input that was evaluated */
/**
 * @typedef {object} Site whose passkey, for whom
 * @property {string} rpId the page's host name
 * @property {string} rpName
 * @property {string} userName what the person's list of passkeys shows
 */

/** @type {readonly Part[]} */
export const PARTS = Object.freeze(["share", "check"]);
/** What PRF is evaluated for: the texts of PROTOCOL.md. @type {Readonly<Record<Part, string>>} */
export const INPUTS = Object.freeze({ share: "escrow/v1/share", check: "escrow/v1/check" });
export const TIMEOUT_SECONDS = 300;
const CHALLENGE_LENGTH_BYTES = 32;
const ALGORITHMS = [-8, -7, -257]; // EdDSA, ES256, RS256: only the PRF is used, any will do
/** @type {Record<string, string>} */
const ENDED = { InvalidStateError: "passkey_exists", NotSupportedError: "no_passkeys" };

/**
 * This passkey cannot keep a copy, or the person has said no; the card always can.
 *
 * `code`: "no_passkeys" (the browser has none), "no_prf" (the authenticator lacks the extension),
 * "prf_unstable" (a second evaluation gave something else), "passkey_cancelled" (the person or the
 * browser ended it), "passkey_exists" (this authenticator keeps a copy already).
 */
export class PasskeyError extends ClientError {
  name = "PasskeyError";
}

/**
 * Make a passkey on this device or key; returns its identifier, and PRF results if it gave some.
 *
 * Throws PasskeyError.
 * @param {Credentials | undefined} credentials @param {Site} site
 * @param {readonly Uint8Array[]} [known] identifiers of passkeys that keep a copy already
 */
export async function create(credentials, site, known = []) {
  if (!credentials?.create) throw new PasskeyError("no_passkeys");
  const options = {
    rp: { id: site.rpId, name: site.rpName },
    user: { id: source(randomBytes(16)), name: site.userName, displayName: site.userName },
    challenge: source(randomBytes(CHALLENGE_LENGTH_BYTES)),
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
    excludeCredentials: known.map(descriptor),
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    attestation: "none",
    timeout: 1000 * TIMEOUT_SECONDS,
    extensions: evaluating(PARTS),
  };
  const made = await asked(() => credentials.create({ publicKey: /** @type {any} */ (options) }));
  const results = made.getClientExtensionResults();
  const outputs = takeOutputs(results, PARTS);
  if (results.prf?.enabled === false) {
    wipeOutputs(outputs);
    throw new PasskeyError("no_prf");
  }
  return { credentialId: new Uint8Array(made.rawId), outputs };
}

/**
 * Have one of some passkeys evaluate the inputs of `parts`, and no other.
 *
 * Throws PasskeyError. The outputs are secret: the caller overwrites them.
 * @param {Credentials | undefined} credentials @param {string} rpId
 * @param {readonly Uint8Array[]} allowed @param {readonly Part[]} parts
 */
export async function evaluate(credentials, rpId, allowed, parts) {
  if (!credentials?.get) throw new PasskeyError("no_passkeys");
  const options = {
    rpId,
    challenge: source(randomBytes(CHALLENGE_LENGTH_BYTES)),
    allowCredentials: allowed.map(descriptor),
    userVerification: "required",
    timeout: 1000 * TIMEOUT_SECONDS,
    extensions: evaluating(parts),
  };
  const found = await asked(() => credentials.get({ publicKey: /** @type {any} */ (options) }));
  const outputs = takeOutputs(found.getClientExtensionResults(), parts);
  if (!outputs) throw new PasskeyError("no_prf");
  return { credentialId: new Uint8Array(found.rawId), outputs };
}

/** @param {Uint8Array} id */
function descriptor(id) {
  return { type: /** @type {const} */ ("public-key"), id: source(id) };
}

/** @param {readonly Part[]} parts */
function evaluating(parts) {
  const [first, second] = parts.map((part) => source(utf8(INPUTS[part])));
  return { prf: { eval: second ? { first, second } : { first } } };
}

/** Ask the browser; what it ends becomes a PasskeyError. @param {() => Promise<Credential | null>} ask */
async function asked(ask) {
  let found;
  try {
    found = await ask();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    const code = ENDED[error.name] ?? "passkey_cancelled";
    throw new PasskeyError(code, {}, { cause: error });
  }
  if (!found) throw new PasskeyError("passkey_cancelled");
  return /** @type {PublicKeyCredential} */ (found);
}

/**
 * Copy the results of PRF, then overwrite what the browser gave; null unless all are there.
 * @param {AuthenticationExtensionsClientOutputs} results @param {readonly Part[]} parts
 * @returns {Outputs | null}
 */
function takeOutputs(results, parts) {
  const { first, second } = results.prf?.results ?? {};
  const given = [first, second].slice(0, parts.length).map(arrayOf);
  const isWhole = given.every((each) => each.length === PRF_OUTPUT_LENGTH_BYTES);
  /** @type {Outputs} */
  const outputs = {};
  for (const [i, part] of parts.entries()) if (isWhole) outputs[part] = given[i].slice();
  wipe(...given);
  return isWhole ? outputs : null;
}

/** @param {BufferSource | undefined} given */
function arrayOf(given) {
  if (!given) return new Uint8Array(0);
  return ArrayBuffer.isView(given)
    ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
    : new Uint8Array(given);
}

/** Overwrite what an evaluation gave. @param {Outputs | null} outputs */
export function wipeOutputs(outputs) {
  wipe(outputs?.share, outputs?.check);
}
