// Fetching what a page shows: who is not signed in goes there first, who has no connection tries again.

import { Problem } from "./api.js";
import { fill, one, showPart } from "./dom.js";
import { sentence } from "./problems.js";
import { goToSignIn, presentSession } from "./session.js";

/**
 * Run `show` for who is signed in, with the page's parts loading, ready and failed.
 * @param {import("./api.js").Api} api
 * @param {(session: import("./session.js").Session) => Promise<void>} show
 */
export async function load(api, show) {
  const again = one("[data-again]");
  again.onclick = () => load(api, show);
  showPart("loading");
  try {
    const session = await presentSession(api);
    if (session === null) return goToSignIn();
    await show(session);
    showPart("ready");
  } catch (error) {
    if (error instanceof Problem && error.code === "unauthenticated") return goToSignIn();
    showPart("failed");
    fill(document, { failed: sentence(error) });
  }
}
