// An admin's passkey in the browser: made once, asked for whenever something wants a person. Only what
// the service needs is taken out of the answers; no extension's results leave this file.

import { source, utf8 } from "../platform/bytes.js";
import { b64url, b64urlDecode } from "../protocol/encoding.js";
import { signInChallenge } from "../protocol/request.js";
import { NotUsable } from "./forms.js";

const ALGORITHMS = [-8, -7, -257]; // Ed25519, ES256, RS256
const TIMEOUT_MILLISECONDS = 300_000;

/** @typedef {{ challenge: string, host: string }} Asked */

/** Passkeys need a name, which an address of numbers is not. */
function credentials() {
  if (!("PublicKeyCredential" in globalThis) || !navigator.credentials) throw new NotUsable("passkey.missing");
  return navigator.credentials;
}

/** @param {string} text */
const bytes = (text) => source(b64urlDecode(text));

/** @param {ArrayBuffer} buffer */
const written = (buffer) => b64url(new Uint8Array(buffer));

/**
 * Make a passkey; throws NotUsable("passkey.none") when nobody made one.
 * @param {Asked & { admin: string }} asked @param {string} name @param {string} site
 */
export async function makePasskey({ challenge, host, admin }, name, site) {
  const made = await orNothing(
    credentials().create({
      publicKey: {
        challenge: bytes(challenge),
        rp: { id: host, name: site },
        user: { id: source(utf8(admin)), name, displayName: name },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        attestation: "none",
        timeout: TIMEOUT_MILLISECONDS,
      },
    }),
  );
  const response = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  return {
    challenge,
    client_data: written(response.clientDataJSON),
    attestation: written(response.attestationObject),
  };
}

/**
 * Ask for a passkey in order to sign in or to confirm; throws NotUsable("passkey.none") when nobody
 * answered.
 * @param {Asked} asked
 */
export async function askPasskey({ challenge, host }) {
  return { challenge, ...(await signedByPasskey(host, signInChallenge(b64urlDecode(challenge)))) };
}

/**
 * Have a passkey sign 32 bytes; throws NotUsable("passkey.none") when nobody answered.
 * @param {string} host @param {Uint8Array} challenge
 */
export async function signedByPasskey(host, challenge) {
  const publicKey = {
    challenge: source(challenge),
    rpId: host,
    userVerification: /** @type {const} */ ("required"),
    timeout: TIMEOUT_MILLISECONDS,
  };
  const found = await orNothing(credentials().get({ publicKey }));
  const response = /** @type {AuthenticatorAssertionResponse} */ (found.response);
  return {
    credential_id: written(found.rawId),
    client_data: written(response.clientDataJSON),
    authenticator_data: written(response.authenticatorData),
    signature: written(response.signature),
  };
}

/**
 * @param {Promise<Credential | null>} asked
 * @returns {Promise<PublicKeyCredential>}
 */
async function orNothing(asked) {
  try {
    const found = await asked;
    if (found instanceof PublicKeyCredential) return found;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "SecurityError") throw new NotUsable("passkey.missing");
  }
  throw new NotUsable("passkey.none");
}
