/**
 * Merkle tree of RFC 6962: roots, inclusion and consistency proofs over leaf data.
 *
 * Leaf hash = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right); a tree of n leaves splits at
 * the largest power of two below n. Proofs are made from any storage that gives the hash of a
 * complete subtree: `node(level, index)` is the root of leaves index·2^level … (index+1)·2^level − 1.
 *
 * Numbers are divided, not shifted: JavaScript's shifts know 32 bits only.
 * Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3 for verification.
 */

import { concat, equal } from "../platform/bytes.js";
import { sha256 } from "./encoding.js";
import { ProtocolError } from "./errors.js";

/** @typedef {(level: number, index: number) => Uint8Array} NodeReader */

export const HASH_LENGTH_BYTES = 32;
export const EMPTY_ROOT = sha256(new Uint8Array(0));

/** @param {number} n */
const half = (n) => Math.floor(n / 2);
/** @param {number} n */
const isOdd = (n) => n % 2 === 1;

/** Hash one leaf; returns 32 bytes. @param {Uint8Array} data */
export function leafHash(data) {
  return sha256(concat(Uint8Array.of(0), data));
}

/** Hash two nodes of 32 bytes; returns 32 bytes. @param {Uint8Array} left @param {Uint8Array} right */
export function nodeHash(left, right) {
  return sha256(concat(Uint8Array.of(1), left, right));
}

/** The complete subtrees of a growing tree: enough to append and to give the root. */
export class Frontier {
  #peaks;

  /** @param {number} [size] @param {Iterable<Uint8Array>} [peaks] */
  constructor(size = 0, peaks = []) {
    this.size = size;
    this.#peaks = [...peaks];
  }

  /** Take up a tree of `size` leaves from its stored nodes. @param {number} size @param {NodeReader} node */
  static load(size, node) {
    return new Frontier(size, peaksOf(0, size).map(([level, index]) => node(level, index)));
  }

  /**
   * Add a leaf hash; returns the nodes (level, index, hash) that are now complete.
   * @param {Uint8Array} leaf @returns {[number, number, Uint8Array][]}
   */
  append(leaf) {
    /** @type {[number, number, Uint8Array][]} */
    const made = [[0, this.size, leaf]];
    let [level, index, current] = made[0];
    while (isOdd(index)) {
      current = nodeHash(/** @type {Uint8Array} */ (this.#peaks.pop()), current);
      level += 1;
      index = half(index);
      made.push([level, index, current]);
    }
    this.#peaks.push(current);
    this.size += 1;
    return made;
  }

  /** Return the root hash of the tree so far. */
  root() {
    return fold(this.#peaks);
  }
}

/** Return the root of a tree over leaf data. @param {Iterable<Uint8Array>} leaves */
export function rootOf(leaves) {
  const frontier = new Frontier();
  for (const data of leaves) frontier.append(leafHash(data));
  return frontier.root();
}

/** @param {readonly Uint8Array[]} peaks */
function fold(peaks) {
  if (!peaks.length) return EMPTY_ROOT;
  return peaks.reduceRight((root, peak) => nodeHash(peak, root));
}

/** Give the largest level with 2^level ≤ n. @param {number} n */
function levelOf(n) {
  let level = 0;
  while (2 ** (level + 1) <= n) level += 1;
  return level;
}

/**
 * Name the largest complete subtrees (level, index) that cover leaves start … end−1.
 * @param {number} start @param {number} end
 */
function peaksOf(start, end) {
  /** @type {[number, number][]} */
  const peaks = [];
  for (let at = start; at < end; ) {
    const level = levelOf(end - at);
    peaks.push([level, Math.floor(at / 2 ** level)]);
    at += 2 ** level;
  }
  return peaks;
}

/** @param {number} start @param {number} end @param {NodeReader} node */
function rangeRoot(start, end, node) {
  return fold(peaksOf(start, end).map(([level, index]) => node(level, index)));
}

/** @param {number} size */
function largestPowerBelow(size) {
  return 2 ** levelOf(size - 1);
}

/**
 * Prove that leaf `index` is in the tree of `size` leaves: sibling hashes from the leaf up.
 *
 * Throws ProtocolError("wrong_proof") when there is no such leaf.
 * @param {number} index @param {number} size @param {NodeReader} node
 */
export function inclusionProof(index, size, node) {
  if (!(index >= 0 && index < size)) {
    throw new ProtocolError("There is no such entry in this tree.", { code: "wrong_proof" });
  }
  const siblings = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      siblings.push(rangeRoot(middle, end, node));
      end = middle;
    } else {
      siblings.push(rangeRoot(start, middle, node));
      start = middle;
    }
  }
  return siblings.reverse();
}

/**
 * Prove that the tree of `size` leaves begins with the tree of `oldSize` leaves.
 *
 * Throws ProtocolError("wrong_proof") unless 0 < oldSize ≤ size.
 * @param {number} oldSize @param {number} size @param {NodeReader} node
 */
export function consistencyProof(oldSize, size, node) {
  if (!(oldSize > 0 && oldSize <= size)) {
    throw new ProtocolError("There is no proof between these sizes.", { code: "wrong_proof" });
  }
  const path = [];
  let [start, end, whole] = [0, size, true];
  while (oldSize !== end) {
    const middle = start + largestPowerBelow(end - start);
    if (oldSize <= middle) {
      path.push(rangeRoot(middle, end, node));
      end = middle;
    } else {
      path.push(rangeRoot(start, middle, node));
      [start, whole] = [middle, false];
    }
  }
  if (!whole) path.push(rangeRoot(start, end, node));
  return path.reverse();
}

/**
 * Check that leaf hash `leaf` stands at `index` in the tree; throws ProtocolError.
 *
 * The code is wrong_proof. Source: RFC 9162 section 2.1.3.2.
 * @param {Uint8Array} leaf @param {number} index @param {number} size
 * @param {readonly Uint8Array[]} proof @param {Uint8Array} root
 */
export function verifyInclusion(leaf, index, size, proof, root) {
  refuseOtherLengths(leaf, root, ...proof);
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) throw wrong();
  let [position, last, current] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) throw wrong();
    if (isOdd(position) || position === last) {
      current = nodeHash(sibling, current);
      while (!isOdd(position) && position) [position, last] = [half(position), half(last)];
    } else {
      current = nodeHash(current, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last || !equal(current, root)) throw wrong();
}

/**
 * Check that one tree begins with another; throws ProtocolError("wrong_proof").
 *
 * A proof from the empty tree proves nothing and is refused. Source: RFC 9162 section 2.1.4.2.
 * @param {number} oldSize @param {number} size @param {readonly Uint8Array[]} proof
 * @param {Uint8Array} oldRoot @param {Uint8Array} root
 */
export function verifyConsistency(oldSize, size, proof, oldRoot, root) {
  refuseOtherLengths(...proof);
  if (oldSize === size && oldSize > 0) {
    if (proof.length || !equal(oldRoot, root)) throw wrong();
    return;
  }
  if (!(oldSize > 0 && oldSize < size && proof.length)) throw wrong();
  const isComplete = 2 ** levelOf(oldSize) === oldSize;
  const [first, ...path] = isComplete ? [oldRoot, ...proof] : proof;
  let [position, last] = [oldSize - 1, size - 1];
  while (isOdd(position)) [position, last] = [half(position), half(last)];
  let [oldCurrent, current] = [first, first];
  for (const sibling of path) {
    if (last === 0) throw wrong();
    if (isOdd(position) || position === last) {
      oldCurrent = nodeHash(sibling, oldCurrent);
      current = nodeHash(sibling, current);
      while (!isOdd(position) && position) [position, last] = [half(position), half(last)];
    } else {
      current = nodeHash(current, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last || !equal(oldCurrent, oldRoot) || !equal(current, root)) throw wrong();
}

/** @param {...Uint8Array} hashes */
function refuseOtherLengths(...hashes) {
  if (hashes.some((item) => item.length !== HASH_LENGTH_BYTES)) throw wrong();
}

function wrong() {
  return new ProtocolError("The proof does not hold.", { code: "wrong_proof" });
}
