/**
 * Errors of the protocol. Every one has a stable `code`; none carries a secret.
 *
 * The class says what is wrong, the message says it to a person, the attributes say where.
 */

/** Something that the protocol refuses. `code` is stable and machine-readable. */
export class ProtocolError extends Error {
  name = "ProtocolError";

  /** @param {string} message @param {{ code?: string }} [options] */
  constructor(message, { code = "protocol_error" } = {}) {
    super(message);
    this.code = code;
  }
}

/**
 * Bytes that are not the one serialisation of what they claim to be.
 *
 * `what` is the kind of document ("manifest", "share", …); `field` is a dotted path such as
 * `custodies.1.role`, empty when the document as a whole is at fault.
 */
export class Malformed extends ProtocolError {
  name = "Malformed";

  /** @param {string} what @param {string} [field] @param {string} [reason] */
  constructor(what, field = "", reason = "") {
    const place = field ? `, field ${field}` : "";
    const because = reason ? `: ${reason}` : "";
    super(`malformed ${what}${place}${because}`, { code: `malformed_${what}` });
    this.what = what;
    this.field = field;
    this.reason = reason;
  }
}

/** A well-formed document that does not belong with another one. */
export class Mismatch extends ProtocolError {
  name = "Mismatch";
}

/** A signature that this key did not make over these contents. */
export class BadSignature extends ProtocolError {
  name = "BadSignature";

  /** @param {string} message @param {{ code?: string }} [options] */
  constructor(message, { code = "wrong_signature" } = {}) {
    super(message, { code });
  }
}

/**
 * A recovery share, or a set of them, that cannot be used.
 *
 * `share` counts from 1 in the order given and is null when the set as a whole is at fault; `word`
 * and `swappedWith` count from 1; `proposals` are words of the list that start with the same four
 * letters as an unknown word, or stand one letter away from it.
 */
export class BadShare extends ProtocolError {
  name = "BadShare";

  /**
   * @param {string} message
   * @param {{
   *   code: string,
   *   share?: number | null,
   *   word?: number | null,
   *   swappedWith?: number | null,
   *   proposals?: readonly string[],
   * }} options
   */
  constructor(message, { code, share = null, word = null, swappedWith = null, proposals = [] }) {
    super(message, { code });
    this.share = share;
    this.word = word;
    this.swappedWith = swappedWith;
    this.proposals = proposals;
  }
}

/** A ciphertext that this key or password does not open. */
export class NotOpened extends ProtocolError {
  name = "NotOpened";

  /** @param {string} message @param {{ code?: string }} [options] */
  constructor(message, { code = "not_opened" } = {}) {
    super(message, { code });
  }
}
