/** Ledger, tree, notes. */

import { BadSignature } from "../../../../escrow/browser/protocol/errors.js";
import * as ledger from "../../../../escrow/browser/protocol/ledger.js";
import * as note from "../../../../escrow/browser/protocol/note.js";
import * as tree from "../../../../escrow/browser/protocol/tree.js";
import { privateKey, raw } from "./registry.js";

/** @typedef {import("./registry.js").Input} Input */
/** @typedef {import("./registry.js").Operation} Operation */

/** @param {Input} given */
const verifierOf = (given) => note.Verifier.parse(given.vkey);

/** Keep every complete subtree, as the ledger's storage does. @param {string[]} leaves @returns {tree.NodeReader} */
function nodeReader(leaves) {
  const nodes = new Map();
  const frontier = new tree.Frontier();
  for (const data of leaves) {
    for (const [level, index, hash] of frontier.append(tree.leafHash(raw(data)))) {
      nodes.set(`${level} ${index}`, hash);
    }
  }
  return (level, index) => nodes.get(`${level} ${index}`);
}

/** @type {Record<string, Operation>} */
export const LEDGERS = {
  event_mac: ({ key, event }) => ({ mac: ledger.eventMac(raw(key), raw(event)) }),
  check_event_mac: ({ key, event, mac }) => {
    if (!ledger.sameMac(ledger.eventMac(raw(key), raw(event)), raw(mac))) {
      throw new BadSignature("another MAC");
    }
  },
  sequenced_mac: ({ key, index, author, nonce, event }) => ({
    mac: ledger.sequencedMac(raw(key), index, author, raw(nonce), raw(event)),
  }),
  leaf: ({ nonce, event }) => {
    const data = ledger.leafData(raw(nonce), raw(event));
    return { data, hash: tree.leafHash(data) };
  },
  tree_root: ({ leaves }) => ({ root: tree.rootOf(leaves.map(raw)) }),
  inclusion_proof: ({ leaves, index }) => ({
    proof: tree.inclusionProof(index, leaves.length, nodeReader(leaves)),
  }),
  consistency_proof: ({ leaves, old_size }) => ({
    proof: tree.consistencyProof(old_size, leaves.length, nodeReader(leaves)),
  }),
  verify_inclusion: (given) => {
    const { leaf_hash, index, size, proof, root } = given;
    tree.verifyInclusion(raw(leaf_hash), index, size, proof.map(raw), raw(root));
  },
  verify_consistency: (given) => {
    const { old_size, size, proof, old_root, root } = given;
    tree.verifyConsistency(old_size, size, proof.map(raw), raw(old_root), raw(root));
  },
  read_vkey: (given) => {
    const { name, keyId, publicKey } = verifierOf(given);
    return { name, key_id: keyId, key: publicKey };
  },
  write_vkey: ({ name, key }) => ({
    vkey: new note.Verifier({ name, publicKey: raw(key) }).vkey,
  }),
  ledger_digits: (given) => ({ digits: verifierOf(given).keyDigits() }),
  sign_note: async ({ name, seed, text }) => ({
    note: await note.sign(text, [new note.Signer({ name, key: await privateKey(seed) })]),
  }),
  open_note: async (given) => ({ text: await note.verify(given.note, [verifierOf(given)]) }),
  checkpoint_text: ({ origin, size, root }) => ({
    text: new note.Checkpoint({ origin, size, root: raw(root) }).text,
  }),
  open_checkpoint: async (given) => {
    const found = await note.Checkpoint.verify(given.note, verifierOf(given));
    const { origin, size, root, hash } = found;
    return { origin, size, root, hash };
  },
  write_tlog_proof: ({ index, proof, note: checkpoint }) => ({
    text: new ledger.Proof({ index, siblings: proof.map(raw), checkpoint }).text,
  }),
  verify_tlog_proof: async (given) => {
    const proof = ledger.Proof.parse(given.text);
    const { size, root } = await proof.verify(raw(given.leaf_data), verifierOf(given));
    return { index: proof.index, size, root };
  },
};
