/**
 * Why the client does not go on. Every error has a stable `code`, the same as the CLI's `reason`; a
 * page finds its sentence in the catalogue by it. None carries a secret.
 */

import { ProtocolError } from "../protocol/errors.js";

/**
 * @typedef {object} Details what a sentence may need besides the code
 * @property {number} [at] Unix seconds
 * @property {string} [state]
 * @property {string} [custody] whose piece it is
 * @property {string} [field]
 * @property {string} [reason] which of its checks the provider says has failed
 * @property {number} [triesLeft]
 */

/** The client stops. `details` fill the places of its sentence. */
export class ClientError extends Error {
  name = "ClientError";

  /** @param {string} code @param {Details} [details] @param {{ cause?: unknown }} [options] */
  constructor(code, details = {}, options = {}) {
    super(code, options);
    this.code = code;
    this.details = details;
  }
}

/** A check failed that an honest service or an honest sender passes. Nothing was sent. */
export class Refused extends ClientError {
  name = "Refused";
}

/** Not possible in the present state, or not yet. Nothing is wrong with anybody. */
export class NotNow extends ClientError {
  name = "NotNow";
}

/** A piece, or a code on it, that this person has typed, scanned or chosen does not fit. */
export class WrongPiece extends ClientError {
  name = "WrongPiece";
}

/** Digits or a code that do not fit; `details.triesLeft` says how often one may try again. */
export class WrongCode extends ClientError {
  name = "WrongCode";
}

/**
 * Run checks of the protocol; what they refuse becomes an error of `kind`, its code kept.
 *
 * Data from the service that fails is a `Refused`, a person's own piece that fails a `WrongPiece`.
 * @template T
 * @param {() => T | Promise<T>} check
 * @param {new (code: string, details?: Details, options?: { cause?: unknown }) => ClientError} [kind]
 * @param {Details} [details]
 * @returns {Promise<T>}
 */
export async function checked(check, kind = Refused, details = {}) {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new kind(error.code, details, { cause: error });
  }
}
