// The service's API, as pages use it: the session is a cookie that no script sees, or a token that
// lives in this page's memory until the cookie is there.

const TRIES = 3;
const LONGEST_RETRY_SECONDS = 5;

/** A request that was refused, or never arrived. `code` is the problem's stable name. */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {{ retry_after?: number, tries_left?: number, field?: string, state?: string }} [more]
   */
  constructor(code, more = {}) {
    super(code);
    this.code = code;
    this.retryAfter = more.retry_after;
    this.triesLeft = more.tries_left;
    this.field = more.field;
    this.state = more.state;
  }
}

/** Wait. @param {number} seconds @returns {Promise<void>} */
export function pause(seconds) {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}

/** @typedef {any} Answer */

export class Api {
  /** @type {string | null} */
  token = null;

  /**
   * @param {string} path
   * @returns {Promise<Answer>}
   */
  get(path) {
    return this.#call("GET", path);
  }

  /**
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  post(path, body = {}) {
    return this.#call("POST", path, body);
  }

  /**
   * @param {string} path
   * @returns {Promise<Answer>}
   */
  delete(path) {
    return this.#call("DELETE", path);
  }

  /**
   * A busy service (503) did nothing: it is asked again, a few times.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #call(method, path, body) {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#send(method, path, body);
      if (answer.ok) return answer.status === 204 ? {} : await answer.json();
      const problem = await problemOf(answer);
      if (answer.status !== 503 || tries === TRIES) throw problem;
      const seconds = Math.min(problem.retryAfter ?? 1, LONGEST_RETRY_SECONDS);
      await pause(seconds);
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #send(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.token !== null) headers.Authorization = `Bearer ${this.token}`;
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await fetch(`/api/v1/${path}`, { method, headers, body: text, cache: "no-store" });
    } catch {
      throw new Problem("offline");
    }
  }
}

/** @param {Response} answer */
async function problemOf(answer) {
  try {
    const document = await answer.json();
    return new Problem(String(document.code ?? "internal"), document);
  } catch {
    return new Problem(answer.status === 503 ? "unavailable" : "internal");
  }
}
