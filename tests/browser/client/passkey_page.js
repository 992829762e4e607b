/**
 * The client on a page of a test, with the browser's own passkeys. Everything that is sent is kept,
 * with whatever the page's code can see of it, so that the test can look for secrets in it.
 */

import { Acceptance } from "../../../escrow/browser/client/accept.js";
import { checkByPasskey, openPiece } from "../../../escrow/browser/client/copies.js";
import { Client } from "../../../escrow/browser/client/http.js";
import { Memory } from "../../../escrow/browser/client/ledger.js";
import { evaluate } from "../../../escrow/browser/client/passkey.js";
import { b64url } from "../../../escrow/browser/protocol/encoding.js";
import { InvitationLink } from "../../../escrow/browser/protocol/qr.js";

const client = new Client();
const memory = new Memory();
const site = { rpId: location.hostname, rpName: "Escrow", userName: "Anna" };
/** @type {Acceptance | null} */
let acceptance = null;
/** @type {string[][]} what the authenticator was asked: the call, user verification, inputs */
const asked = [];
/** @type {Uint8Array[]} what it gave, before the client overwrites it */
const given = [];
/** @type {any[]} the very results that the client got */
const results = [];

const watched = {
  /** @param {any} options */
  create: async (options) => noted("create", await navigator.credentials.create(options), options),
  /** @param {any} options */
  get: async (options) => noted("get", await navigator.credentials.get(options), options),
};

/** @param {string} call @param {any} credential @param {any} options @returns {any} */
function noted(call, credential, { publicKey }) {
  const { userVerification } = publicKey.authenticatorSelection ?? publicKey;
  const inputs = Object.values(publicKey.extensions.prf.eval);
  asked.push([call, userVerification, ...inputs.map((each) => new TextDecoder().decode(each))]);
  const found = credential.getClientExtensionResults();
  results.push(found);
  for (const each of buffersOf(found)) given.push(each.slice());
  return { rawId: credential.rawId, getClientExtensionResults: () => found };
}

/** @param {any} found @returns {Uint8Array[]} */
function buffersOf(found) {
  const { first, second } = found.prf?.results ?? {};
  return [first, second].filter(Boolean).map((each) => new Uint8Array(each));
}

/** @template T @param {() => Promise<T>} act */
async function told(act) {
  try {
    return { done: await act() };
  } catch (error) {
    return { error: /** @type {any} */ (error).code ?? String(error) };
  }
}

Object.assign(globalThis, {
  /** @param {string} link @param {string} digits */
  openInvitation: (link, digits) =>
    told(async () => {
      acceptance = await Acceptance.fetch(client, memory, InvitationLink.parse(link), location.origin);
      await acceptance.open(digits);
    }),
  makePasskey: () => told(() => /** @type {Acceptance} */ (acceptance).makePasskey(watched, site)),
  keepCopies: () => told(() => /** @type {Acceptance} */ (acceptance).keepCopies(watched, site.rpId)),
  attest: () => told(() => /** @type {Acceptance} */ (acceptance).attest()),
  /** @param {string} custody */
  words: (custody) =>
    told(async () => {
      const piece = await openPiece(client, watched, site.rpId, custody);
      return piece.payload.words;
    }),
  /** @param {string} custody */
  check: (custody) =>
    told(async () => (await checkByPasskey(client, memory, watched, site.rpId, custody)).state),
  withoutPasskeys: () => told(() => evaluate(undefined, site.rpId, [], ["check"])),
  areOverwritten: () => results.flatMap(buffersOf).every((bytes) => bytes.every((byte) => !byte)),
  asked: () => asked,
  given: () => given.map(b64url),
});
