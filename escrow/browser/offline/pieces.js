/**
 * Combine pieces without the service: files, codes and words in any mix give the secret.
 *
 * What `cli/escrow_cli/offline.py` is to `escrow combine`: the same inputs, refusals and codes. Whoever
 * holds a kit or card file holds the deposit's description too, and every piece and the envelope are
 * checked against it; with codes and words alone SLIP-39's digest and age's authentication hold, and
 * `manifest` is null. Nothing here touches the page. Source: PROTOCOL.md sections 7 and 10, "Without
 * the provider".
 */

import { decodeUtf8, equal, utf8, wipe } from "../platform/bytes.js";
import { splitWords, strip, withoutSpacesAndDashes } from "../platform/text.js";
import { digits, isIdentifier } from "../protocol/encoding.js";
import * as envelopes from "../protocol/envelope.js";
import { BadShare, Malformed, Mismatch, ProtocolError } from "../protocol/errors.js";
import { Kit, parsePiece } from "../protocol/kit.js";
import { CODE_DIGITS } from "../protocol/manifest.js";
import * as qr from "../protocol/qr.js";
import { Share, combineShares } from "../protocol/slip39.js";

/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */

const AGE = utf8("age-encryption.org/");
const PDF = utf8("%PDF");
const CODE = "escrow1";
const OF_ENVELOPE = ["wrong_envelope", "wrong_key", "damaged_envelope"];

/** What the protocol refuses, with the piece at fault: `cause` says why, `code` is its code. */
export class BadPiece extends ProtocolError {
  name = "BadPiece";

  /** @param {string} piece @param {ProtocolError} cause */
  constructor(piece, cause) {
    super(`${piece}: ${cause.message}`, { code: cause.code });
    this.piece = piece;
    this.cause = cause;
  }
}

/**
 * @typedef {object} PieceFields
 * @property {string} name what the person calls it
 * @property {Share} share
 * @property {string | null} [deposit]
 * @property {string | null} [custody]
 * @property {string | null} [code]
 * @property {Uint8Array | null} [manifestHash]
 * @property {Manifest | null} [manifest]
 * @property {Uint8Array | null} [signature]
 * @property {Uint8Array | null} [envelope]
 */

/** One piece and what its form says of it. */
export class Piece {
  #share;

  /** @param {PieceFields} fields */
  constructor(fields) {
    this.name = fields.name;
    this.#share = fields.share;
    this.deposit = fields.deposit || null;
    this.custody = fields.custody || null;
    this.code = fields.code || null;
    this.manifestHash = fields.manifestHash ?? null;
    this.manifest = fields.manifest ?? null;
    this.signature = fields.signature ?? null;
    this.envelope = fields.envelope ?? null;
  }

  /** Return the SLIP-39 share, which is overwritten with the piece. */
  share() {
    return this.#share;
  }

  /** Whose piece it is: the group says it. */
  get role() {
    const { groupIndex, groupCount } = this.#share;
    if (groupIndex === 0) return "customer";
    return groupIndex === groupCount - 1 ? "provider" : "contact";
  }

  /** Overwrite the share. */
  wipe() {
    this.#share.wipe();
  }
}

/**
 * Name a piece in every refusal.
 * @template T @param {string} piece @param {() => T | Promise<T>} make
 */
async function naming(piece, make) {
  try {
    return await make();
  } catch (error) {
    if (error instanceof BadPiece || !(error instanceof ProtocolError)) throw error;
    throw new BadPiece(piece, error);
  }
}

/** Read bytes as text; null for what is none. @param {Uint8Array} data */
function textOf(data) {
  try {
    return decodeUtf8(data);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} data @param {Uint8Array} beginning */
function startsWith(data, beginning) {
  return equal(data.subarray(0, beginning.length), beginning);
}

/**
 * Read a kit or card file, or text: a code as scanned, or 33 words. The bytes are overwritten.
 *
 * Throws BadPiece: what the parsers throw, or paper_given for a PDF.
 * @param {string} name @param {Uint8Array} data
 */
export async function pieceOfFile(name, data) {
  try {
    if (startsWith(data, PDF)) {
      const error = new ProtocolError("This is the paper, not the file.", { code: "paper_given" });
      throw new BadPiece(name, error);
    }
    const text = strip(textOf(data.subarray(0, 8192)) ?? "");
    if (text.startsWith(CODE)) return await pieceOfQr(name, text);
    if (/^[a-z]/i.test(text)) return await pieceOfWords(name, text);
    return await naming(name, async () => pieceOf(name, await parsePiece(data)));
  } finally {
    wipe(data);
  }
}

/** @param {string} name @param {Kit | import("../protocol/kit.js").Card} found */
function pieceOf(name, found) {
  const { payload, manifest, manifestSignature: signature } = found;
  return new Piece({
    name,
    share: payload.share(),
    deposit: payload.deposit,
    custody: payload.custody,
    code: manifest.code(),
    manifestHash: manifest.hash,
    manifest,
    signature,
    envelope: found instanceof Kit ? found.envelope : null,
  });
}

/** Read the code of a share; throws BadPiece. @param {string} name @param {string} given */
export function pieceOfQr(name, given) {
  return naming(name, () => {
    const text = splitWords(given).join("");
    if (text.startsWith(qr.CHECK_PREFIX)) {
      const message = "This is the check code. The code of the words is needed.";
      throw new ProtocolError(message, { code: "check_code_given" });
    }
    const payload = qr.parseShare(text);
    const { deposit, custody, manifestHash } = payload;
    const code = digits(manifestHash, CODE_DIGITS);
    return new Piece({ name, share: payload.share(), deposit, custody, code, manifestHash });
  });
}

/**
 * Take words with the number of their piece and the deposit's 24 digits, as on the paper.
 *
 * Both are empty when they cannot be read. Throws BadPiece: what reading shares throws, or
 * malformed_identifier, wrong_manifest_code.
 * @param {string} name @param {string} words @param {string} [number] @param {string} [digitsTyped]
 */
export function pieceOfWords(name, words, number = "", digitsTyped = "") {
  return naming(name, () => {
    const custody = withoutSpacesAndDashes(number).toLowerCase();
    const code = withoutSpacesAndDashes(digitsTyped);
    if (custody && !isIdentifier(custody)) {
      throw new Malformed("identifier", "", "the number of a piece has 32 characters");
    }
    if (code && !(code.length === CODE_DIGITS && /^[0-9]+$/.test(code))) {
      const message = "The deposit's code has 24 digits.";
      throw new ProtocolError(message, { code: "wrong_manifest_code" });
    }
    return new Piece({ name, share: Share.parse(words), custody, code });
  });
}

/** Tell whether bytes are an envelope and can be no piece. @param {Uint8Array} data */
export function isEnvelope(data) {
  if (startsWith(data, AGE)) return true;
  return strip(textOf(data.subarray(0, 64)) ?? "").startsWith(qr.ENVELOPE_PREFIX);
}

/**
 * Read an envelope from an age file, the text of its code, or a kit file.
 *
 * Throws Malformed("envelope"), or what reading a code or a kit throws.
 * @param {Uint8Array} data
 */
export async function envelopeOfFile(data) {
  if (startsWith(data, AGE)) return data.slice();
  const text = strip(textOf(data) ?? "");
  if (text.startsWith(CODE)) return qr.parseEnvelope(splitWords(text).join(""));
  if (text.startsWith("{")) {
    const kit = await Kit.parse(data);
    kit.wipe();
    return kit.envelope;
  }
  throw new Malformed("envelope", "", "neither an age file nor a code nor a kit");
}

/**
 * Tell whether the pieces complete as many groups as are needed.
 * @param {readonly Piece[]} pieces
 */
export function isEnough(pieces) {
  const complete = [...membersOf(pieces)].filter(([, { have, needed }]) => have >= needed);
  return pieces.length > 0 && complete.length >= pieces[0].share().groupThreshold;
}

/** Say for the contacts how many pieces are here and are needed; null without any. @param {readonly Piece[]} pieces */
export function contactsOf(pieces) {
  const contact = pieces.find(({ role }) => role === "contact");
  return contact ? (membersOf(pieces).get(contact.share().groupIndex) ?? null) : null;
}

/** @param {readonly Piece[]} pieces */
function membersOf(pieces) {
  /** @type {Map<number, { have: number, needed: number }>} */
  const groups = new Map();
  for (const piece of pieces) {
    const { groupIndex, memberThreshold: needed } = piece.share();
    groups.set(groupIndex, { have: (groups.get(groupIndex)?.have ?? 0) + 1, needed });
  }
  return groups;
}

/**
 * Check that one more piece fits those that are there: a wrong one costs only itself.
 *
 * Throws BadPiece, which names the piece at fault: wrong_deposit, wrong_manifest, wrong_share,
 * mixed_sets, mixed_headers, duplicate_share, surplus_share or wrong_digest.
 * @param {readonly Piece[]} pieces @param {Piece} added
 */
export async function checkAdded(pieces, added) {
  const all = [...pieces, added];
  await checkTogether(all).catch((error) => {
    throw error instanceof BadPiece ? new BadPiece(added.name, error.cause) : error;
  });
  try {
    wipe(await recoveryKeyOf(all));
  } catch (error) {
    if (!(error instanceof BadShare) || error.code !== "missing_share") throw error;
  }
}

/**
 * Combine exactly the pieces that are needed and open the envelope.
 *
 * Every envelope is tried, those of kit files first: the code of an older kit in the same drawer is
 * passed over. Throws BadPiece, which names the piece at fault; BadShare, Mismatch, BadSignature or
 * NotOpened when it is no single piece; or ProtocolError("missing_envelope"). The pieces stay as they
 * are.
 * @param {readonly Piece[]} pieces @param {readonly Uint8Array[]} [given] further envelopes
 * @returns {Promise<{ secret: Uint8Array, manifest: Manifest | null }>}
 */
export async function combine(pieces, given = []) {
  const source = await checkTogether(pieces);
  const recoveryKey = await recoveryKeyOf(pieces);
  try {
    const own = pieces.flatMap(({ envelope }) => (envelope ? [envelope] : []));
    const secret = await openOneOf([...own, ...given], recoveryKey, source);
    return { secret, manifest: source?.manifest ?? null };
  } finally {
    wipe(recoveryKey);
  }
}

/** Tell whether something was refused because of the envelope alone. @param {unknown} error */
export function isOfEnvelope(error) {
  return error instanceof ProtocolError && OF_ENVELOPE.includes(error.code);
}

/**
 * @param {readonly Uint8Array[]} sealed @param {Uint8Array} recoveryKey
 * @param {Piece | undefined} source the piece that describes the deposit
 */
async function openOneOf(sealed, recoveryKey, source) {
  const message = "The encrypted key is missing: it is in the kit file and in a code on the kit.";
  /** @type {unknown} */
  let refusal = new ProtocolError(message, { code: "missing_envelope" });
  for (const envelope of sealed) {
    try {
      if (source?.manifest && source.signature) {
        await source.manifest.checkRecovered(recoveryKey, envelope, source.signature);
      }
      return await envelopes.open(envelope, recoveryKey);
    } catch (error) {
      if (!isOfEnvelope(error)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** Check all pieces against each other; returns the one that describes the deposit. @param {readonly Piece[]} pieces */
async function checkTogether(pieces) {
  const source = pieces.find((piece) => piece.manifest);
  const deposit = pieces.find((piece) => piece.deposit)?.deposit;
  const code = pieces.find((piece) => piece.code)?.code;
  for (const piece of pieces) {
    await naming(piece.name, async () => {
      if (piece.deposit && piece.deposit !== deposit) throw otherDeposit();
      if (piece.code && piece.code !== code) throw otherManifest();
      if (source?.manifest) await checkWith(piece, source.manifest);
    });
  }
  return source;
}

/** Check a piece against the description: its hash or code, custody, keys of the share. @param {Piece} piece @param {Manifest} manifest */
async function checkWith(piece, manifest) {
  if (piece.deposit && piece.deposit !== manifest.deposit) throw otherDeposit();
  const isOther = piece.manifestHash !== null && !equal(piece.manifestHash, manifest.hash);
  if (isOther || (piece.code && piece.code !== manifest.code())) throw otherManifest();
  const share = piece.share();
  await manifest.checkShare(share, piece.custody ?? custodyOf(manifest, share));
}

function otherDeposit() {
  return new Mismatch("This piece is of another deposit.", { code: "wrong_deposit" });
}

function otherManifest() {
  const message = "This piece names another description of the deposit.";
  return new Mismatch(message, { code: "wrong_manifest" });
}

/** Find the custody of a share whose piece's number could not be read. @param {Manifest} manifest @param {Share} share */
function custodyOf(manifest, share) {
  const line = manifest.custodies.find(
    (each) => each.group === share.groupIndex && each.member === share.memberIndex,
  );
  if (line) return line.custody;
  throw new Mismatch("This share is not the one of this deposit.", { code: "wrong_share" });
}

/** @param {readonly Piece[]} pieces */
async function recoveryKeyOf(pieces) {
  try {
    return await combineShares(pieces.map((piece) => piece.share()));
  } catch (error) {
    if (!(error instanceof BadShare) || error.share === null) throw error;
    throw new BadPiece(pieces[error.share - 1].name, error);
  }
}
