/**
 * A drill: the whole recovery of a dummy, and a fresh proof of the real pieces (PROTOCOL.md section 11).
 *
 * What `escrow drill` does. The dummy is a deposit of its own kind, without a wait, made, recovered and
 * ended by the very code that a real one goes through; its key and pieces live in this page's memory.
 * The real deposit is not touched: its custodians prove anew that their piece is there. Broken off, a
 * drill is begun again: the service ends the one before.
 */

import { equal, randomBytes, wipe } from "../platform/bytes.js";
import { attestShare } from "./attesting.js";
import { providerHolds } from "./enrol.js";
import { NotNow, Refused } from "./errors.js";
import { ServiceError } from "./http.js";
import { provenEvents } from "./ledger.js";
import { checkKeys, openLedger } from "./ledgerkeys.js";
import { make } from "./making.js";
import { Piece } from "./piece.js";
import { MAX_LABEL_LENGTH, checkPlan } from "./planning.js";
import { checkDocument, newIdentifier } from "./received.js";
import * as recover from "./recover.js";
import { gather } from "./report.js";

/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./made.js").Made} Made */
/** @typedef {import("./received.js").Target} Target */
/** @typedef {"making" | "opening" | "collecting" | "proving" | "report"} Stage */
/**
 * @typedef {object} Options
 * @property {Piece} piece the real kit's; the caller overwrites it
 * @property {string} label the dummy's name
 * @property {string} url the service's origin
 * @property {<T>(act: () => Promise<T>) => Promise<T>} fresh does what may want a fresh code of the app
 * @property {(stage: Stage) => void} [progress]
 */

const DUMMY_LENGTH_BYTES = 32;
const SECONDS = 60;
const POLL_SECONDS = 0.5;

/**
 * Do a drill; returns its report. Throws what enrolling and recovering throw, Refused("drill_failed").
 * @param {Client} client @param {Memory} memory @param {Options} options
 */
export async function drill(client, memory, { piece, label, url, fresh, progress = () => {} }) {
  const { deposit } = piece.manifest;
  if (piece.manifest.kind !== "real") throw new NotNow("drill_of_a_drill");
  const document = await client.get(`deposits/${deposit}`);
  if (document.recovery !== null) throw new NotNow("wrong_state", { state: "recovery" });
  const target = await checkDocument(client, memory, deposit, document, { piece });
  progress("making");
  const secret = randomBytes(DUMMY_LENGTH_BYTES);
  const made = await dummy(client, memory, target, { label, url, secret: secret.slice() });
  const number = made.manifest.deposit;
  try {
    progress("opening");
    const recovery = await bringBack(client, memory, made, secret, fresh, progress);
    progress("proving");
    await prove(client, target, piece, number);
    progress("report");
    return await gather(client, target, made, recovery, piece.contacts);
  } finally {
    made.wipe();
    wipe(secret);
    await end(client, number, fresh);
  }
}

/**
 * Make the dummy; returns it when the service calls it complete.
 * @param {Client} client @param {Memory} memory @param {Target} target
 * @param {{ label: string, url: string, secret: Uint8Array }} wanted
 */
async function dummy(client, memory, { manifest }, { label, url, secret }) {
  const { ledger, keys } = await openLedger(client, memory, manifest.ledgerVkey);
  await checkKeys(ledger, keys);
  /** @type {import("./planning.js").Plan} */
  const plan = {
    ...{ label: [...label].slice(0, MAX_LABEL_LENGTH).join(""), secret, url, kind: "drill" },
    ...{ contacts: [], needed: 0, waitingSeconds: 0, contactsReplaceTotp: false, replaces: null },
  };
  const { minimumWaitingSeconds } = keys;
  const made = await make(checkPlan(plan, { ownAddresses: [], minimumWaitingSeconds }), keys, client.now());
  const path = `deposits/${made.manifest.deposit}`;
  await client.put(path, made.body);
  await providerHolds(client, ledger, made.manifest);
  await attestShare(client, ledger, made.manifest, made.kit.payload);
  await until(client, () => client.get(path), ({ state }) => state === "active" || state === "complete");
  return made;
}

/**
 * Bring the dummy's key back with its kit and the provider's piece; returns the recovery.
 * @param {Client} client @param {Memory} memory @param {Made} made @param {Uint8Array} secret
 * @param {Options["fresh"]} fresh @param {(stage: Stage) => void} progress
 */
async function bringBack(client, memory, made, secret, fresh, progress) {
  const { kit, manifest } = made;
  const { payload, manifestSignature: signature, host } = kit;
  const own = new Piece({ payload, manifest, signature, host });
  const recovery = newIdentifier();
  const asked = { deposit: manifest.deposit, reason: "drill", recovery };
  await fresh(() => recover.open(client, asked));
  const isWaiting = (/** @type {Document} */ { state }) => state === "opened" || state === "waiting";
  const running = await until(client, () => recover.read(client, recovery), (found) => !isWaiting(found));
  progress("collecting");
  const target = await recover.targetOf(client, memory, running, { piece: own });
  const collection = await fresh(() => recover.begin(client, target, running));
  try {
    await collection.add(own);
    await collection.take(target.provider);
    const recovered = await collection.combine();
    try {
      if (!equal(recovered.secret, secret)) throw new Refused("drill_failed");
      await recover.complete(client, target, recovery, recovered.ownerKey);
    } finally {
      recovered.wipe();
    }
  } finally {
    collection.wipe();
  }
  return recovery;
}

/**
 * Prove the real pieces: the kit's here, the provider's there; contacts are asked by mail. What does
 * not come in time is missing in the report, which says so.
 * @param {Client} client @param {Target} target @param {Piece} piece @param {string} number the dummy
 */
async function prove(client, target, piece, number) {
  const { manifest, ledger, provider } = target;
  await askForProofs(client, manifest.deposit, number);
  await attestShare(client, ledger, manifest, piece.payload);
  const completed = (await provenEvents(client, ledger, `deposits/${number}/events`)).filter(
    ({ type }) => type === "recovery completed",
  );
  const since = completed[completed.length - 1]?.at ?? client.now();
  const look = () => provenEvents(client, ledger, `deposits/${manifest.deposit}/events`);
  const wanted = [piece.custody, provider.custody];
  await until(client, look, (events) =>
    wanted.every((custody) =>
      events.some((each) => each.type === "custody attested" && each.custody === custody && each.at >= since),
    ),
  );
}

/** Ask as soon as the dummy's completion stands in the ledger. @param {Client} client @param {string} deposit @param {string} number */
async function askForProofs(client, deposit, number) {
  for (let left = SECONDS / POLL_SECONDS; ; left--) {
    try {
      await client.post(`deposits/${deposit}/drill`, { drill: number }, { repeat: true });
      return;
    } catch (error) {
      const isEarly = error instanceof ServiceError && error.details.state === "not_completed";
      if (!isEarly || left <= 0) throw error;
      await client.pause(POLL_SECONDS);
    }
  }
}

/** End the dummy; if that fails, the next drill ends it. @param {Client} client @param {string} number @param {Options["fresh"]} fresh */
async function end(client, number, fresh) {
  try {
    const body = { reason: "drill over" };
    await fresh(() => client.post(`deposits/${number}/close`, body, { repeat: true }));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
  }
}

/**
 * Look until something is so, a minute at most; returns what was seen last.
 * @template T @param {Client} client @param {() => Promise<T>} look @param {(found: T) => boolean} isSo
 */
async function until(client, look, isSo) {
  let found = await look();
  for (let left = SECONDS / POLL_SECONDS; left > 0 && !isSo(found); left--) {
    await client.pause(POLL_SECONDS);
    found = await look();
  }
  return found;
}
