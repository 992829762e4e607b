/** What the ledger must say of a recovery before a contact helps (PROTOCOL.md section 10). */

import { shortestWait } from "../protocol/release.js";
import { NotNow, Refused } from "./errors.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("../protocol/ledger.js").Event} Event */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */

const STOPPED = new Set(["recovery vetoed", "recovery completed", "recovery expired"]);

/** A recovery that was found announced in the ledger, and its present session. */
export class Running {
  /** @param {{ recovery: string, session: string, publicKey: Uint8Array }} fields */
  constructor({ recovery, session, publicKey }) {
    this.recovery = recovery;
    this.session = session;
    this.publicKey = publicKey;
    Object.freeze(this);
  }

  get path() {
    return `recoveries/${this.recovery}/sessions/${this.session}`;
  }
}

/**
 * Find the recovery that is collecting among proven events of the deposit.
 *
 * Throws NotNow (no_recovery, too_early with `at`, stopped, not_begun) when there is none or it is too
 * early; Refused (not_opened, not_noticed, wait_too_short, other_session) when the ledger does not say
 * what the service says.
 * @param {Manifest} manifest @param {Document | null} shown what the service says is running
 * @param {readonly Event[]} proven oldest first @param {number} now
 */
export function running(manifest, shown, proven, now) {
  if (!shown) throw new NotNow("no_recovery");
  const { recovery, session, state } = shown;
  const events = proven.filter(
    (event) => event.recovery === recovery && event.deposit === manifest.deposit,
  );
  checkWait(manifest, events, now);
  checkNotStopped(events);
  const begun = events.findLast((event) => event.type === "recovery begun");
  if (session === null || state !== "collecting" || !begun) throw new NotNow("not_begun");
  if (begun.data.session !== session) throw new Refused("other_session");
  return new Running({ recovery, session, publicKey: begun.data.public_key });
}

/** @param {Manifest} manifest @param {readonly Event[]} events @param {number} now */
function checkWait(manifest, events, now) {
  const opened = events.find((event) => event.type === "recovery opened");
  if (!opened) throw new Refused("not_opened");
  // After a hold everybody is told anew, and the wait begins anew.
  const anew = events.findLastIndex((event) => event.type === "recovery unfrozen");
  const noticed = events
    .slice(Math.max(anew, 0))
    .findLast((event) => event.type === "recovery noticed");
  if (!noticed) throw new Refused("not_noticed");
  const wait = noticed.data.wait_seconds;
  const least = shortestWait(opened.data.proof, manifest.waitingSeconds);
  if (manifest.kind === "real" && wait < least) throw new Refused("wait_too_short");
  const at = noticed.at + wait;
  if (now < at) throw new NotNow("too_early", { at });
}

/** @param {readonly Event[]} events */
function checkNotStopped(events) {
  const held = events.findLast(({ type }) => /^recovery (?:un)?frozen$/.test(type));
  const isStopped = events.some((event) => STOPPED.has(event.type));
  if (isStopped || held?.type === "recovery frozen") throw new NotNow("stopped");
}
