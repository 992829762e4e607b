/**
 * SLIP-0039: a 256-bit recovery key in shares of 33 words, two groups needed.
 *
 * Header (40 bits): identifier 15, extendable 1, iteration exponent 4, group index 4, group
 * threshold−1 4, group count−1 4, member index 4, member threshold−1 4. Then the share value, padded
 * with zero bits on the left to a multiple of 10 bits, then a checksum of 30 bits (RS1024 over
 * GF(1024), customised by "shamir_extendable" or "shamir"). Every 10 bits are one of 1024 words.
 *
 * The recovery key is first encrypted by a four-round Feistel network with PBKDF2-HMAC-SHA256 as the
 * round function (2500 · 2^exponent iterations a round; empty passphrase here), then split at two
 * levels by Shamir's scheme over GF(2^8). x = 255 holds the secret and x = 254 a digest of it, whose
 * four bytes cost 32 of the 256 bits of perfect secrecy.
 *
 * Source: SLIP-0039; PROTOCOL.md section 3.
 */

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { bigEndian, concat, equal, randomBytes, source, utf8, wipe } from "../platform/bytes.js";
import { splitWords } from "../platform/text.js";
import { BadShare } from "./errors.js";
import * as gf256 from "./gf256.js";
import { WORDS } from "./slip39_words.js";

/** @typedef {(length: number) => Uint8Array} RandomBytes */

export const RECOVERY_KEY_LENGTH_BYTES = 32;
export const SHARE_LENGTH_WORDS = 33;
export const GROUPS_NEEDED = 2;
export const MAX_CONTACTS = 16;
export const CUSTOMER_GROUP = 0;

const MIN_WORDS = 20;
const HEADER_WORDS = 4;
const CHECKSUM_WORDS = 3;
const DIGEST_LENGTH_BYTES = 4;
const SECRET_X = 255;
const DIGEST_X = 254;
const ITERATIONS_A_ROUND = 2500;
const GENERATOR = [
  0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48,
  0x21b1f890, 0x3f3f120,
];

/** @type {readonly string[]} */
const LIST = Object.freeze(WORDS.split(" "));
/** @type {Map<string, number>} */
const NUMBERS = new Map(LIST.map((word, number) => [word, number]));

/** Return the 1024 words of the standard, in order. */
export function wordList() {
  return LIST;
}

/**
 * @typedef {object} ShareFields
 * @property {number} identifier
 * @property {boolean} extendable
 * @property {number} iterationExponent
 * @property {number} groupIndex
 * @property {number} groupThreshold
 * @property {number} groupCount
 * @property {number} memberIndex
 * @property {number} memberThreshold
 * @property {Uint8Array} value
 */

/**
 * One share: its header in clear and its value, which never shows in a print-out.
 *
 * `value` has 32 bytes for shares made here; others' shares may have 16 or more, an even number.
 */
export class Share {
  #value;

  /** @param {ShareFields} fields */
  constructor(fields) {
    this.identifier = fields.identifier;
    this.extendable = fields.extendable;
    this.iterationExponent = fields.iterationExponent;
    this.groupIndex = fields.groupIndex;
    this.groupThreshold = fields.groupThreshold;
    this.groupCount = fields.groupCount;
    this.memberIndex = fields.memberIndex;
    this.memberThreshold = fields.memberThreshold;
    this.#value = fields.value;
    Object.freeze(this);
  }

  get value() {
    return this.#value;
  }

  /** What all shares of one set have in common. */
  get setHeader() {
    return Object.freeze([
      this.identifier,
      this.extendable,
      this.iterationExponent,
      this.groupThreshold,
      this.groupCount,
      this.#value.length,
    ]);
  }

  /** Write the share as words with one space between (33 of them for a 32-byte value). */
  words() {
    const header = bigEndian(this.identifier * 2 + Number(this.extendable), 2);
    const nibbles = [this.iterationExponent, this.groupIndex, this.groupThreshold - 1];
    nibbles.push(this.groupCount - 1, this.memberIndex, this.memberThreshold - 1);
    const packed = [0, 2, 4].map((i) => (nibbles[i] << 4) | nibbles[i + 1]);
    const valueWords = Math.floor((8 * this.#value.length + 9) / 10);
    const head = toIndexes(Uint8Array.of(...header, ...packed), HEADER_WORDS);
    const data = [...head, ...toIndexes(this.#value, valueWords)];
    const checksum = remainder([...data, 0, 0, 0], this.extendable) ^ 1;
    const tail = [checksum >>> 20, (checksum >>> 10) & 1023, checksum & 1023];
    const words = [...data, ...tail].map((index) => LIST[index]).join(" ");
    data.fill(0);
    return words;
  }

  /**
   * Read a share from its words, in any case and with any white space between.
   *
   * `number` names the share in errors. Throws BadShare: wrong_word_count, unknown_word,
   * wrong_checksum, wrong_padding or wrong_header.
   * @param {string} words @param {number} [number]
   */
  static parse(words, number = 1) {
    const indexes = indexesOf(words, number);
    const extendable = Boolean((indexes[1] >> 4) & 1);
    if (remainder(indexes, extendable) !== 1) throw checksumError(indexes, number);
    const [a, b, c, d] = indexes;
    const share = new Share({
      identifier: (a << 5) | (b >> 5),
      extendable,
      iterationExponent: b & 15,
      groupIndex: c >> 6,
      groupThreshold: ((c >> 2) & 15) + 1,
      groupCount: (((c & 3) << 2) | (d >> 8)) + 1,
      memberIndex: (d >> 4) & 15,
      memberThreshold: (d & 15) + 1,
      value: valueOf(indexes.slice(HEADER_WORDS, -CHECKSUM_WORDS), number),
    });
    indexes.fill(0);
    if (share.groupThreshold > share.groupCount) {
      throw new BadShare(`Share ${number} asks for more groups than there are.`, {
        code: "wrong_header",
        share: number,
      });
    }
    return share;
  }

  /** Overwrite the value. */
  wipe() {
    wipe(this.#value);
  }
}

/**
 * Split a 32-byte recovery key into groups of which two are needed.
 *
 * Returns the customer's share, then the contacts' in member order, then the provider's: groups 0, 1
 * and 2, or 0 and 1 when there are no contacts. The policy is 0 of 0, 1 of 1, or
 * 2 ≤ needed ≤ count ≤ 16. Throws BadShare: wrong_length or wrong_policy.
 * @param {Uint8Array} recoveryKey @param {number} contactsNeeded @param {number} contactsCount
 * @param {{ randomBytes?: RandomBytes }} [options]
 */
export async function split(recoveryKey, contactsNeeded, contactsCount, options = {}) {
  const draw = options.randomBytes ?? randomBytes;
  if (recoveryKey.length !== RECOVERY_KEY_LENGTH_BYTES) {
    throw new BadShare("A recovery key has 32 bytes.", { code: "wrong_length" });
  }
  if (!isPolicy(contactsNeeded, contactsCount)) {
    const message = "One contact of one, or at least two of up to sixteen, or none at all.";
    throw new BadShare(message, { code: "wrong_policy" });
  }
  const [high, low] = draw(2);
  const identifier = ((high & 0x7f) << 8) | low;
  const set = { identifier, extendable: true, iterationExponent: 0 };
  const encrypted = await feistel(recoveryKey, [0, 1, 2, 3], new Uint8Array(0), set);
  const contacts = contactsCount ? [[contactsNeeded, contactsCount]] : [];
  const groups = [[1, 1], ...contacts, [1, 1]];
  const values = splitValue(encrypted, GROUPS_NEEDED, groups.length, draw);
  const shares = groups.flatMap(([needed, count], group) =>
    splitValue(values[group], needed, count, draw).map(
      (value, member) =>
        new Share({
          ...set,
          groupIndex: group,
          groupThreshold: GROUPS_NEEDED,
          groupCount: groups.length,
          memberIndex: member,
          memberThreshold: needed,
          value,
        }),
    ),
  );
  wipe(encrypted, ...values);
  return shares;
}

/** Tell whether `needed` of `count` contacts is a policy that the protocol allows. @param {number} contactsNeeded @param {number} contactsCount */
export function isPolicy(contactsNeeded, contactsCount) {
  const few = contactsNeeded === contactsCount && contactsCount <= 1;
  const many = contactsNeeded >= 2 && contactsNeeded <= contactsCount;
  return few || (many && contactsCount <= MAX_CONTACTS);
}

/**
 * Combine the words of exactly the needed shares into the recovery key.
 *
 * Throws BadShare, which names the share at fault: what `Share.parse` throws, or mixed_sets,
 * mixed_headers, duplicate_share, surplus_share, missing_share, wrong_digest.
 * @param {readonly string[]} words @param {Uint8Array} [passphrase]
 */
export async function combine(words, passphrase = new Uint8Array(0)) {
  /** @type {Share[]} */
  const shares = [];
  try {
    for (const text of words) shares.push(Share.parse(text, shares.length + 1));
    return await combineShares(shares, passphrase);
  } finally {
    for (const share of shares) share.wipe();
  }
}

/**
 * Combine parsed shares; see `combine`. The shares stay as they are.
 * @param {readonly Share[]} shares @param {Uint8Array} [passphrase]
 */
export async function combineShares(shares, passphrase = new Uint8Array(0)) {
  if (!shares.length) throw new BadShare("No share was given.", { code: "missing_share" });
  const groups = groupsOf(shares);
  const [first] = shares;
  /** @type {Map<number, Members>} */
  const complete = new Map();
  for (const [index, members] of groups) {
    const needed = [...members.values()][0].share.memberThreshold;
    if (members.size < needed) continue;
    refuseSurplus(members, needed);
    complete.set(index, members);
  }
  refuseIncomplete(groups, complete, first);
  /** @type {Map<number, Uint8Array>} */
  const values = new Map();
  let encrypted = new Uint8Array(0);
  try {
    for (const [index, members] of complete) values.set(index, recoverValue(pointsOf(members)));
    encrypted = recoverValue(values);
    return await feistel(encrypted, [3, 2, 1, 0], passphrase, first);
  } finally {
    wipe(encrypted, ...values.values());
  }
}

/** Return the value of one group from exactly its needed members' shares. @param {readonly Share[]} shares */
export function groupValue(shares) {
  return recoverValue(new Map(shares.map((share) => [share.memberIndex, share.value])));
}

/** @typedef {Map<number, { number: number, share: Share }>} Members */

/** @param {Members} members */
function pointsOf(members) {
  return new Map([...members].map(([x, { share }]) => [x, share.value]));
}

/**
 * Sort shares by group and member; throws BadShare for any that does not fit the first.
 * @param {readonly Share[]} shares
 */
function groupsOf(shares) {
  /** @type {Map<number, Members>} */
  const groups = new Map();
  const [first] = shares;
  for (const [i, share] of shares.entries()) {
    const number = i + 1;
    if (share.identifier !== first.identifier) {
      const message = `Share ${number} belongs to another set than share 1.`;
      throw new BadShare(message, { code: "mixed_sets", share: number });
    }
    const members = groups.get(share.groupIndex) ?? new Map();
    groups.set(share.groupIndex, members);
    const sibling = [...members.values()][0]?.share ?? share;
    const sameSet = String(share.setHeader) === String(first.setHeader);
    if (!sameSet || share.memberThreshold !== sibling.memberThreshold) {
      const message = `Share ${number} was not made together with the others.`;
      throw new BadShare(message, { code: "mixed_headers", share: number });
    }
    const earlier = members.get(share.memberIndex);
    if (earlier) {
      const message = `Share ${number} is the same piece as share ${earlier.number}.`;
      throw new BadShare(message, { code: "duplicate_share", share: number });
    }
    members.set(share.memberIndex, { number, share });
  }
  return groups;
}

/** @param {Members} members */
function numbersOf(members) {
  return [...members.values()].map(({ number }) => number);
}

/** @param {number} number */
function oneTooMany(number) {
  const message = `Share ${number} is one too many: leave it out.`;
  return new BadShare(message, { code: "surplus_share", share: number });
}

/** @param {Members} members @param {number} needed */
function refuseSurplus(members, needed) {
  if (members.size > needed) throw oneTooMany(numbersOf(members).sort((a, b) => a - b)[needed]);
}

/**
 * Refuse unless exactly the needed groups are complete and no other has any share.
 * @param {Map<number, Members>} groups @param {Map<number, Members>} complete @param {Share} first
 */
function refuseIncomplete(groups, complete, first) {
  if (complete.size < first.groupThreshold) {
    const message = "More shares are needed: not enough pieces were given.";
    throw new BadShare(message, { code: "missing_share" });
  }
  if (groups.size <= first.groupThreshold) return;
  const partial = [...groups]
    .filter(([index]) => !complete.has(index))
    .flatMap(([, members]) => numbersOf(members));
  const starts = [...complete.values()].map((members) => Math.min(...numbersOf(members)));
  throw oneTooMany(partial.length ? Math.min(...partial) : Math.max(...starts));
}

/**
 * @param {Uint8Array} value @param {number} needed @param {number} count @param {RandomBytes} draw
 * @returns {Uint8Array[]} fresh arrays
 */
function splitValue(value, needed, count, draw) {
  if (needed === 1) return Array.from({ length: count }, () => value.slice());
  /** @type {Map<number, Uint8Array>} */
  const points = new Map();
  for (let x = 0; x < needed - 2; x++) points.set(x, draw(value.length));
  const made = [...points.values()];
  const tail = draw(value.length - DIGEST_LENGTH_BYTES);
  const check = digest(tail, value);
  const digested = concat(check, tail);
  points.set(DIGEST_X, digested);
  points.set(SECRET_X, value);
  for (let x = needed - 2; x < count; x++) made.push(gf256.interpolate(points, x));
  wipe(tail, check, digested);
  return made;
}

/** @param {Map<number, Uint8Array>} points @returns {Uint8Array<ArrayBuffer>} a fresh array */
function recoverValue(points) {
  if (points.size === 1) return [...points.values()][0].slice();
  const value = gf256.interpolate(points, SECRET_X);
  const digested = gf256.interpolate(points, DIGEST_X);
  const expected = digest(digested.subarray(DIGEST_LENGTH_BYTES), value);
  const fits = equal(digested.subarray(0, DIGEST_LENGTH_BYTES), expected);
  wipe(digested, expected);
  if (fits) return value;
  wipe(value);
  const message = "These shares do not fit together: one of them is not genuine.";
  throw new BadShare(message, { code: "wrong_digest" });
}

/** @param {Uint8Array} key @param {Uint8Array} value */
function digest(key, value) {
  return hmac(sha256, key, value).subarray(0, DIGEST_LENGTH_BYTES);
}

/**
 * Run the standard's Feistel network: rounds 0 … 3 encrypt, 3 … 0 decrypt.
 * @param {Uint8Array} data @param {readonly number[]} rounds @param {Uint8Array} passphrase
 * @param {{ identifier: number, extendable: boolean, iterationExponent: number }} set
 */
async function feistel(data, rounds, passphrase, { identifier, extendable, iterationExponent }) {
  const half = data.length / 2;
  let [left, right] = [data.slice(0, half), data.slice(half)];
  const salt = extendable ? [] : [utf8("shamir"), bigEndian(identifier, 2)];
  const iterations = ITERATIONS_A_ROUND * 2 ** iterationExponent;
  for (const step of rounds) {
    const password = concat(Uint8Array.of(step), passphrase);
    const salted = concat(...salt, right);
    const mask = await pbkdf2(password, salted, iterations, half);
    const mixed = gf256.add(left, mask);
    wipe(password, salted, mask, left);
    [left, right] = [right, mixed];
  }
  const result = concat(right, left);
  wipe(left, right);
  return result;
}

/** @param {Uint8Array} password @param {Uint8Array} salt @param {number} iterations @param {number} length */
async function pbkdf2(password, salt, iterations, length) {
  const key = await crypto.subtle.importKey("raw", source(password), "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: source(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, 8 * length));
}

/**
 * Return the 30-bit remainder of RS1024 over words, behind the customisation; 1 is valid.
 * @param {readonly number[]} words @param {boolean} extendable
 */
function remainder(words, extendable) {
  let checksum = 1;
  for (const value of utf8(extendable ? "shamir_extendable" : "shamir")) {
    checksum = step(checksum) ^ value;
  }
  for (const value of words) checksum = step(checksum) ^ value;
  return checksum;
}

/** Multiply by x: no branch and no look-up depends on what goes in. @param {number} checksum */
function step(checksum) {
  const top = checksum >>> 20;
  let moved = (checksum & 0xfffff) << 10;
  for (let bit = 0; bit < 10; bit++) moved ^= GENERATOR[bit] & -((top >> bit) & 1);
  return moved;
}

/** Cut bytes into 10-bit indexes, padded with zero bits on the left. @param {Uint8Array} data @param {number} count */
function toIndexes(data, count) {
  const indexes = new Array(count).fill(0);
  let bits = 0;
  let held = 10 * count - 8 * data.length;
  let at = 0;
  for (const byte of data) {
    bits = ((bits & 0x3ff) << 8) | byte;
    held += 8;
    if (held >= 10) indexes[at++] = (bits >> (held -= 10)) & 1023;
  }
  return indexes;
}

/** @param {number} valueWords */
function paddingBits(valueWords) {
  return (10 * valueWords) % 16;
}

/** @param {readonly number[]} indexes @param {number} number */
function valueOf(indexes, number) {
  const padding = paddingBits(indexes.length);
  const value = new Uint8Array((10 * indexes.length - padding) / 8);
  if (indexes[0] >> (10 - padding)) {
    throw new BadShare(`Share ${number} has a wrong padding.`, { code: "wrong_padding", share: number });
  }
  let bits = 0;
  let held = -padding;
  let at = 0;
  for (const index of indexes) {
    bits = ((bits & 0xff) << 10) | index;
    for (held += 10; held >= 8; held -= 8) value[at++] = bits >> (held - 8);
  }
  return value;
}

/** Look up the words; throws BadShare with proposals for the first one not in the list. @param {string} words @param {number} number */
function indexesOf(words, number) {
  const found = splitWords(words.toLowerCase()).map((word, i) => {
    const index = NUMBERS.get(word);
    if (index !== undefined) return index;
    const proposals = propose(word);
    const hint = proposals.length ? ` Did you mean ${proposals.join(" or ")}?` : "";
    throw new BadShare(`Word ${i + 1} of share ${number} is not in the word list.${hint}`, {
      code: "unknown_word",
      share: number,
      word: i + 1,
      proposals,
    });
  });
  if (found.length < MIN_WORDS || paddingBits(found.length - HEADER_WORDS - CHECKSUM_WORDS) > 8) {
    const count = `Share ${number} has ${found.length} words; ${SHARE_LENGTH_WORDS} are needed.`;
    throw new BadShare(count, { code: "wrong_word_count", share: number });
  }
  return found;
}

/**
 * Propose words of the list for a mistyped one: the same four first letters, or one edit away.
 *
 * Four letters name a word uniquely, so at most one word comes from the first rule.
 * @param {string} word
 */
export function propose(word) {
  const lower = word.toLowerCase();
  const beginning = lower.slice(0, 4);
  const sameStart = LIST.filter((listed) => listed.slice(0, 4) === beginning);
  if (sameStart.length) return sameStart;
  return LIST.filter((listed) => isOneEditApart(lower, listed)).slice(0, 5);
}

/** @param {string} one @param {string} other */
function isOneEditApart(one, other) {
  if (Math.abs(one.length - other.length) > 1) return false;
  const [a, b] = one.length > other.length ? [other, one] : [one, other];
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  if (a.length < b.length) return a.slice(start) === b.slice(start + 1);
  if (a.slice(start + 1) === b.slice(start + 1)) return true;
  const swapped = a[start] === b[start + 1] && a[start + 1] === b[start];
  return swapped && a.slice(start + 2) === b.slice(start + 2);
}

/**
 * Explain a wrong checksum by one wrong word or two swapped neighbours, if that is enough.
 *
 * The position is named, never the right word: a correction that merely fits the checksum could be
 * another share.
 * @param {readonly number[]} indexes @param {number} number
 */
function checksumError(indexes, number) {
  for (let i = 0; i < indexes.length - 1; i++) {
    if (indexes[i] === indexes[i + 1]) continue;
    const swapped = indexes.with(i, indexes[i + 1]).with(i + 1, indexes[i]);
    if (remainder(swapped, Boolean((swapped[1] >> 4) & 1)) !== 1) continue;
    const message = `Words ${i + 1} and ${i + 2} of share ${number} stand in the wrong order.`;
    return new BadShare(message, {
      code: "wrong_checksum",
      share: number,
      word: i + 1,
      swappedWith: i + 2,
    });
  }
  const word = wrongWord(indexes);
  const message =
    word === null
      ? `More than one word of share ${number} is wrong: compare it with the paper.`
      : `Word ${word} of share ${number} is wrong: compare it with the paper.`;
  return new BadShare(message, { code: "wrong_checksum", share: number, word });
}

/**
 * Return the position, from 1, of the one wrong word that explains the checksum, if any does.
 *
 * The checksum is linear: an error e in a word adds e · x^k, so the remainder tells the place. Only
 * the extendable customisation is tried, as all shares of this service carry it.
 * @param {readonly number[]} indexes
 */
function wrongWord(indexes) {
  const wrong = remainder(indexes, true) ^ 1;
  let errors = Array.from({ length: 1023 }, (_, i) => i + 1);
  for (let position = indexes.length; position > 0; position--) {
    if (errors.includes(wrong)) return position;
    errors = errors.map(step);
  }
  return null;
}
