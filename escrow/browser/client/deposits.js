/** The deposits of an address: all that a sign-in needs to know before anything is asked for. */

import { list } from "./answers.js";
import { checked } from "./errors.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */

const GONE = new Set(["closed", "rejected"]);

/** List the deposits that this sign-in may see and that may be brought back. @param {Client} client */
export async function usableDeposits(client) {
  /** @type {Document[]} */
  const found = [];
  /** @type {string | null} */
  let after = null;
  do {
    /** @type {Document} */
    const page = await client.get("deposits", after === null ? {} : { after });
    found.push(...(await checked(() => list(page.deposits))));
    after = typeof page.next === "string" ? page.next : null;
  } while (after !== null);
  return found.filter((line) => !GONE.has(line.state));
}
