/**
 * HTTP with the service: one request in, one JSON document out, every failure a `ServiceError`.
 *
 * Who asks is the session's cookie, a bearer token (between mail code and authenticator, and in
 * programs), or a contact's signature, which goes without any cookie: a contact may borrow the
 * browser of somebody who is signed in. No redirects; answers of limited size, parsed strictly.
 * Requests that repeat harmlessly are repeated when the line breaks or the service is busy (503).
 * Source: PROTOCOL.md sections 13 and 14.
 */

import { concat, source } from "../platform/bytes.js";
import * as calls from "../protocol/call.js";
import { b64url, dumpJson, loadJson } from "../protocol/encoding.js";
import { ProtocolError } from "../protocol/errors.js";
import * as requests from "../protocol/request.js";
import { ClientError } from "./errors.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {Record<string, any>} Document */

export const PREFIX = "/api/v1";
export const MAX_ANSWER_LENGTH_BYTES = 8 * 2 ** 20;
export const MAX_ANSWER_DEPTH = 8;
export const MAX_TRIES = 6;
export const MAX_PAUSE_SECONDS = 15;
export const TIMEOUT_SECONDS = 30;
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);

/**
 * The service says no, or says nothing.
 *
 * `status` is the HTTP status, 0 when no answer came. `code` is the problem's (PROTOCOL.md section
 * 14), or "unreachable" (the line broke), "strange_answer" (somebody else answered), or "aborted"
 * (the page was left). `retryAfter` is in seconds, null when the service names no time.
 */
export class ServiceError extends ClientError {
  name = "ServiceError";

  /**
   * @param {number} status @param {string} code @param {number | null} [retryAfter]
   * @param {import("./errors.js").Details} [details] @param {{ cause?: unknown }} [options]
   */
  constructor(status, code, retryAfter = null, details = {}, options = {}) {
    super(code, details, options);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed in a moment. */
  get mayPass() {
    return this.code === "unreachable" || this.status === 503;
  }
}

/** A contact's release key: signs requests in place of a session. */
export class Signer {
  #key;

  /** @param {{ custody: string, key: Ed25519PrivateKey }} fields */
  constructor({ custody, key }) {
    this.custody = custody;
    this.#key = key;
    Object.freeze(this);
  }

  /**
   * Return the headers that sign a request.
   * @param {string} method @param {string} path @param {Uint8Array} body @param {number} time
   */
  async headers(method, path, body, time) {
    const request = new requests.Request({ custody: this.custody, method, path, body, time });
    return {
      "Escrow-Custody": this.custody,
      "Escrow-Time": String(time),
      "Escrow-Signature": b64url(await requests.sign(request, this.#key)),
    };
  }

  /** Sign the nonce of a call; returns 64 bytes. @param {string} call @param {Uint8Array} committed @param {Uint8Array} nonce */
  signNonce(call, committed, nonce) {
    return calls.signNonce(this.#key, call, this.custody, committed, nonce);
  }

  /** Forget the key. */
  wipe() {
    this.#key.wipe();
  }
}

/** Return this device's time in Unix seconds. */
export function systemTime() {
  return Math.floor(Date.now() / 1000);
}

/**
 * Wait; ends at once, with ServiceError("aborted"), when `signal` says so.
 * @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>}
 */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new ServiceError(0, "aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, 1000 * seconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * The line to one service. `url` is its origin, empty for the page's own; `signal` ends everything
 * that is under way, for who leaves a page; `now` gives Unix seconds.
 *
 * `bearer` and `signer` may be set at any time; the signer goes first, then the bearer, then the
 * cookie.
 */
export class Client {
  /**
   * @param {{
   *   url?: string,
   *   locale?: string,
   *   bearer?: string | null,
   *   signer?: Signer | null,
   *   signal?: AbortSignal,
   *   now?: () => number,
   *   fetch?: typeof globalThis.fetch,
   * }} [options]
   */
  constructor(options = {}) {
    this.url = options.url ?? "";
    this.locale = options.locale ?? "en";
    this.signal = options.signal;
    this.now = options.now ?? systemTime;
    this.bearer = options.bearer ?? null;
    this.signer = options.signer ?? null;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** Return a line to the same service that signs as a contact. @param {Signer} signer */
  signedBy(signer) {
    const { url, locale, signal, now, fetch } = this;
    return new Client({ url, locale, signal, now, fetch, signer });
  }

  /** @param {string} path under /api/v1/ @param {Record<string, string | number>} [query] */
  get(path, query) {
    return this.send("GET", path, undefined, { query });
  }

  /** `repeat` says that a second one does no harm. @param {string} path @param {Document} body @param {{ repeat?: boolean }} [options] */
  post(path, body, { repeat = false } = {}) {
    return this.send("POST", path, body, { repeat });
  }

  /** @param {string} path @param {Document} body */
  put(path, body) {
    return this.send("PUT", path, body);
  }

  /** @param {string} path */
  delete(path) {
    return this.send("DELETE", path);
  }

  /** Wait, unless the page is left. @param {number} seconds */
  pause(seconds) {
    return pause(seconds, this.signal);
  }

  /**
   * Send one request, again where that is harmless; throws ServiceError.
   * @param {string} method @param {string} path @param {Document} [body]
   * @param {{ query?: Record<string, string | number>, repeat?: boolean }} [options]
   * @returns {Promise<Document>}
   */
  async send(method, path, body, { query = {}, repeat = false } = {}) {
    // The one serialisation: the custodian writes the body of a signed move again, to check it.
    const content = body === undefined ? new Uint8Array(0) : dumpJson(body);
    for (let left = repeat || REPEATABLE.has(method) ? MAX_TRIES - 1 : 0; ; left--) {
      try {
        return await this.#once(method, `${PREFIX}/${path}`, content, query);
      } catch (error) {
        if (!(error instanceof ServiceError) || !error.mayPass || !left) throw error;
        await this.pause(Math.min(error.retryAfter ?? 1, MAX_PAUSE_SECONDS));
      }
    }
  }

  /**
   * @param {string} method @param {string} path @param {Uint8Array} content
   * @param {Record<string, string | number>} query
   */
  async #once(method, path, content, query) {
    const text = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]));
    const stop = new AbortController();
    const abort = () => stop.abort();
    const timer = setTimeout(abort, 1000 * TIMEOUT_SECONDS);
    if (this.signal?.aborted) abort();
    this.signal?.addEventListener("abort", abort);
    /** @type {RequestInit} */
    const request = {
      method,
      headers: await this.#headers(method, path, content),
      body: content.length ? source(content) : undefined,
      credentials: this.signer ? "omit" : "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: stop.signal,
    };
    let answer, received;
    try {
      answer = await this.fetch(`${this.url}${path}${text.size ? `?${text}` : ""}`, request);
      received = await bytesOf(answer);
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      if (this.signal?.aborted) throw new ServiceError(0, "aborted");
      throw new ServiceError(0, "unreachable", null, {}, { cause: error });
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener("abort", abort);
    }
    if (answer.ok) return documentOf(answer, received);
    throw problemOf(answer, received);
  }

  /** @param {string} method @param {string} path @param {Uint8Array} content */
  async #headers(method, path, content) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", "Accept-Language": this.locale };
    if (content.length) headers["Content-Type"] = "application/json";
    if (this.signer) {
      return { ...headers, ...(await this.signer.headers(method, path, content, this.now())) };
    }
    if (this.bearer) headers.Authorization = `Bearer ${this.bearer}`;
    return headers;
  }
}

/** Read an answer of limited size. @param {Response} answer */
async function bytesOf(answer) {
  if (!answer.body) return new Uint8Array(0);
  const parts = [];
  let length = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return concat(...parts);
    length += value.length;
    if (length > MAX_ANSWER_LENGTH_BYTES) {
      await reader.cancel();
      throw new ServiceError(answer.status, "strange_answer");
    }
    parts.push(value);
  }
}

/** @param {Uint8Array} received @returns {Document | null} */
function objectOf(received) {
  try {
    const found = loadJson(received, "answer", MAX_ANSWER_LENGTH_BYTES, MAX_ANSWER_DEPTH);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? found : null;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return null;
  }
}

/** @param {Response} answer @param {Uint8Array} received */
function documentOf(answer, received) {
  if (answer.status === 204 || !received.length) return {};
  const found = objectOf(received);
  if (found === null) throw new ServiceError(answer.status, "strange_answer");
  return found;
}

/** Turn a problem document (RFC 9457) into an error; only known fields are taken from it. @param {Response} answer @param {Uint8Array} received */
function problemOf(answer, received) {
  const isJson = answer.headers.get("Content-Type")?.includes("json") ?? false;
  const found = (isJson ? objectOf(received) : null) ?? {};
  const code = typeof found.code === "string" ? found.code : String(answer.status);
  const wait = String(found.retry_after ?? answer.headers.get("Retry-After") ?? "");
  /** @type {import("./errors.js").Details} */
  const details = {};
  if (typeof found.field === "string") details.field = found.field;
  if (typeof found.state === "string") details.state = found.state;
  if (Number.isSafeInteger(found.at)) details.at = found.at;
  if (Number.isSafeInteger(found.tries_left)) details.triesLeft = found.tries_left;
  return new ServiceError(answer.status, code, /^[0-9]{1,8}$/.test(wait) ? Number(wait) : null, details);
}
