/** What is signed: attestation, recovery statements, requests, approvals, the call. */

import * as attestation from "../../../../escrow/browser/protocol/attestation.js";
import * as call from "../../../../escrow/browser/protocol/call.js";
import * as encoding from "../../../../escrow/browser/protocol/encoding.js";
import * as manifest from "../../../../escrow/browser/protocol/manifest.js";
import * as release from "../../../../escrow/browser/protocol/release.js";
import * as request from "../../../../escrow/browser/protocol/request.js";
import { privateKey, raw } from "./registry.js";

/** @typedef {import("./registry.js").Input} Input */
/** @typedef {import("./registry.js").Operation} Operation */

/** @param {Input} given */
function attestationOf({ deposit, custody, manifest_hash, means, checkpoint_hash, time }) {
  const [manifestHash, checkpointHash] = [raw(manifest_hash), raw(checkpoint_hash)];
  return new attestation.Attestation({
    deposit,
    custody,
    manifestHash,
    means,
    checkpointHash,
    time,
  });
}

/** @param {Input} given */
function proofOf({ deposit, custody, recovery, session, public_key, checkpoint_hash }) {
  const publicKeySha256 = public_key === null ? null : encoding.sha256(raw(public_key));
  const checkpointHash = raw(checkpoint_hash);
  return new release.Proof({
    deposit,
    custody,
    recovery,
    session,
    publicKeySha256,
    checkpointHash,
  });
}

/** @param {Input} given */
function releaseOf({ deposit, custody, recovery, session, manifest_hash, public_key, sealed, time }) {
  return new release.Release({
    deposit,
    custody,
    recovery,
    session,
    manifestHash: raw(manifest_hash),
    publicKeySha256: encoding.sha256(raw(public_key)),
    sealedSha256: encoding.sha256(raw(sealed)),
    time,
  });
}

/** @param {Input} given @returns {[string, string, Uint8Array, number]} */
function completion({ deposit, recovery, manifest_hash, time }) {
  return [deposit, recovery, raw(manifest_hash), time];
}

/** @param {Input} given */
function requestOf({ custody, method, path, body, time }) {
  return new request.Request({ custody, method, path, body: raw(body), time });
}

/** @param {Input} given */
function approvalOf({ operation, target, body_sha256, expires }) {
  return new request.Approval({ operation, target, bodySha256: raw(body_sha256), expires });
}

/** @param {Input} given */
function callOf({ deposit, recovery, session, call: id, custody }) {
  return new call.Call({ deposit, recovery, session, call: id, custody });
}

/** @param {Input} given @returns {[string, string, Uint8Array, Uint8Array]} */
function nonceStatement({ call: id, custody, commitment, nonce }) {
  return [id, custody, raw(commitment), raw(nonce)];
}

/** @type {Record<string, Operation>} */
export const STATEMENTS = {
  sign_attestation: async (given) => ({
    signature: await attestation.sign(attestationOf(given), await privateKey(given.seed)),
  }),
  verify_attestation: (given) =>
    attestation.verify(
      attestationOf(given),
      raw(given.signature),
      manifest.Manifest.parse(raw(given.manifest)),
    ),
  sign_proof: async (given) => ({
    signature: await release.signProof(proofOf(given), await privateKey(given.seed)),
  }),
  verify_proof: (given) => release.verifyProof(proofOf(given), raw(given.signature), raw(given.key)),
  shortest_wait: ({ proof, waiting_seconds }) => ({
    seconds: release.shortestWait(proof, waiting_seconds),
  }),
  recovery_number: ({ recovery }) => ({ digits: release.number(recovery) }),
  sign_release: async (given) => ({
    signature: await release.sign(releaseOf(given), await privateKey(given.seed)),
  }),
  verify_release: (given) => release.verify(releaseOf(given), raw(given.signature), raw(given.key)),
  sign_complete: async (given) => ({
    signature: await release.signComplete(await privateKey(given.seed), ...completion(given)),
  }),
  verify_complete: (given) =>
    release.verifyComplete(raw(given.key), raw(given.signature), ...completion(given)),
  sign_replaced: async ({ seed, deposit, manifest_hash }) => ({
    signature: await release.signReplaced(await privateKey(seed), deposit, raw(manifest_hash)),
  }),
  verify_replaced: ({ key, signature, deposit, manifest_hash }) =>
    release.verifyReplaced(raw(key), raw(signature), deposit, raw(manifest_hash)),
  sign_request: async (given) => ({
    signature: await request.sign(requestOf(given), await privateKey(given.seed)),
  }),
  verify_request: (given) => request.verify(requestOf(given), raw(given.signature), raw(given.key)),
  sign_in_challenge: (given) => ({ challenge: request.signInChallenge(raw(given.asked)) }),
  sign_approval: async (given) => ({
    signature: await request.signApproval(approvalOf(given), await privateKey(given.seed)),
  }),
  verify_approval: (given) =>
    request.verifyApproval(approvalOf(given), raw(given.signature), raw(given.key)),
  approval_message: (given) => ({ message: approvalOf(given).message() }),
  approval_challenge: (given) => ({ challenge: approvalOf(given).challenge() }),
  call_commitment: (given) => ({
    commitment: call.commitment(callOf(given), raw(given.public_key), raw(given.random)),
  }),
  check_reveal: (given) =>
    call.checkReveal(
      callOf(given),
      raw(given.commitment),
      raw(given.public_key),
      raw(given.random),
    ),
  sign_call_nonce: async (given) => ({
    signature: await call.signNonce(await privateKey(given.seed), ...nonceStatement(given)),
  }),
  verify_call_nonce: (given) =>
    call.verifyNonce(raw(given.key), raw(given.signature), ...nonceStatement(given)),
  call_code: ({ commitment, nonce, public_key, random }) => {
    const code = call.code(raw(commitment), raw(nonce), raw(public_key), raw(random));
    return { digits: code, text: encoding.grouped(code) };
  },
};
