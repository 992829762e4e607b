/**
 * Enrolling: a deposit made, sent, and finished when the kit is proven to be on paper.
 *
 * Everything secret is in this page's memory alone and overwritten by `wipe`. What is sent is made
 * once, so a step that failed on the way is simply done again. A page that is closed leaves nothing,
 * or a deposit that the service calls "not finished": with the kit file `finishWithKit` ends it; links
 * and digits that were not handed out are gone, and the deposit is replaced.
 */

import { equal } from "../platform/bytes.js";
import { withoutSpacesAndDashes } from "../platform/text.js";
import { b64url } from "../protocol/encoding.js";
import { signReplaced } from "../protocol/release.js";
import { bytes, list, text } from "./answers.js";
import { attestShare } from "./attesting.js";
import { ClientError, NotNow, Refused, WrongCode, checked } from "./errors.js";
import { provenEvents } from "./ledger.js";
import { checkKeys, openLedger } from "./ledgerkeys.js";
import { make } from "./making.js";
import { KitPaper, confirmationDigits } from "./paper.js";
import { checkPlan } from "./planning.js";

/** @typedef {import("../platform/ed25519.js").Ed25519PrivateKey} Ed25519PrivateKey */
/** @typedef {import("../protocol/manifest.js").Manifest} Manifest */
/** @typedef {import("../protocol/share.js").Payload} Payload */
/** @typedef {import("./answers.js").Document} Document */
/** @typedef {import("./http.js").Client} Client */
/** @typedef {import("./ledger.js").Ledger} Ledger */
/** @typedef {import("./ledger.js").Memory} Memory */
/** @typedef {import("./ledgerkeys.js").Keys} Keys */
/** @typedef {import("./made.js").Made} Made */
/** @typedef {import("./planning.js").Plan} Plan */
/** @typedef {{ ledger: Ledger, keys: Keys, memory: Memory }} Service its keys are proven */
/** @typedef {"made" | "sent" | "checked" | "finished"} State what the next step builds on */

export const PROVIDER_SECONDS = 60;
const POLL_SECONDS = 0.5;

/**
 * Fetch the service's keys and prove that they are those which the ledger names.
 * @param {Client} client @param {Memory} memory @returns {Promise<Service>}
 */
export async function serviceKeys(client, memory) {
  const { ledger, keys } = await openLedger(client, memory, null);
  await checkKeys(ledger, keys);
  return { ledger, keys, memory };
}

/** List the customer's own addresses, none of which may be a contact's. @param {Client} client @param {string} account */
export async function ownAddresses(client, account) {
  const found = await client.get(`accounts/${account}`);
  return checked(() => list(found.addresses).map((line) => text(line.address)));
}

/** One deposit on its way. Steps in order: `send`, `waitForProvider`, `confirmKit`. */
export class Enrolment {
  #client;
  #service;
  #made;
  /** @type {Uint8Array | null} */
  #replaced;
  /** @type {State} */
  #state = "made";

  /** @param {Client} client @param {Service} service @param {Made} made @param {Uint8Array | null} replaced */
  constructor(client, service, made, replaced) {
    this.#client = client;
    this.#service = service;
    this.#made = made;
    this.#replaced = replaced;
  }

  /**
   * Make the deposit; nothing is sent. The plan's secret is overwritten as soon as it is sealed.
   *
   * `owner` is the owner key of the deposit that it replaces, where it is at hand: what it signs is
   * kept until the service has it, the key is not. Throws what `checkPlan` and `make` throw.
   * @param {Client} client @param {Service} service @param {Plan} plan
   * @param {{
   *   ownAddresses: readonly string[],
   *   owner?: Ed25519PrivateKey | null,
   *   progress?: (done: number, all: number) => void,
   * }} options
   */
  static async make(client, service, plan, { ownAddresses: own, owner = null, progress }) {
    const { minimumWaitingSeconds } = service.keys;
    const decided = checkPlan(plan, { ownAddresses: own, minimumWaitingSeconds });
    const made = await checked(
      () => make(decided, service.keys, client.now(), progress),
      ClientError,
    );
    const signs = owner && plan.replaces;
    const replaced = signs ? await signReplaced(owner, plan.replaces ?? "", made.manifest.hash) : null;
    return new Enrolment(client, service, made, replaced);
  }

  get state() {
    return this.#state;
  }

  get deposit() {
    return this.#made.manifest.deposit;
  }

  /**
   * Send everything in one request; the same again is harmless.
   *
   * Throws ServiceError: `step_up_required` for one that replaces another (then again, after the
   * code), `unreachable` (then again: it is stored once), `malformed` with `manifest.created_at` when
   * this device's clock is wrong or five minutes have passed (then it must be made anew).
   */
  async send() {
    const answer = await this.#client.put(`deposits/${this.deposit}`, this.#made.body);
    const manifest = await checked(() => bytes(answer.manifest));
    if (!equal(manifest, this.#made.manifest.data)) throw new Refused("wrong_manifest");
    if (this.#state === "made") this.#state = "sent";
  }

  /**
   * Hand over what the old owner key has signed, so that the old deposit ends with the new one
   * complete. Without such a key there is nothing to do: then it ends 30 days later.
   */
  async sayReplaced() {
    const { replaces } = this.#made.manifest;
    if (!this.#replaced || !replaces) return;
    this.#need("sent", "checked", "finished");
    const body = { by: this.deposit, signature: b64url(this.#replaced) };
    await this.#client.post(`deposits/${replaces}/replaced`, body, { repeat: true });
    this.#replaced = null;
  }

  /**
   * Wait until the provider has checked its piece and the ledger says so. See `providerHolds`.
   * @param {number} [seconds]
   */
  async waitForProvider(seconds = PROVIDER_SECONDS) {
    this.#need("sent", "checked", "finished");
    await providerHolds(this.#client, this.#service.ledger, this.#made.manifest, seconds);
    if (this.#state === "sent") this.#state = "checked";
  }

  /** What stands on the kit, to print it. */
  get paper() {
    this.#need("checked", "finished");
    return new KitPaper(this.#made.kit, this.#service.memory.note);
  }

  /** The kit file's bytes, to save it. They are secret: the caller overwrites them. */
  get kitFile() {
    this.#need("checked", "finished");
    return this.#made.kit.data;
  }

  /**
   * Take the four digits that are printed on the kit; then prove that its piece is there.
   *
   * Throws WrongCode("wrong_kit_digits"): nothing was sent, she may type again.
   * @param {string} typed
   */
  async confirmKit(typed) {
    this.#need("checked", "finished");
    const { kit, manifest } = this.#made;
    checkKitDigits(manifest, typed);
    await attestShare(this.#client, this.#service.ledger, manifest, kit.payload);
    this.#state = "finished";
  }

  /** The invitations, to be handed out once the kit is safe. */
  get invitations() {
    this.#need("finished");
    return this.#made.invited;
  }

  /** Overwrite what is secret, for who leaves the page. */
  wipe() {
    this.#made.wipe();
    this.#replaced = null;
  }

  /** @param {...State} states */
  #need(...states) {
    if (!states.includes(this.#state)) throw new NotNow("wrong_state", { state: this.#state });
  }
}

/** @param {Manifest} manifest @param {string} typed */
function checkKitDigits(manifest, typed) {
  if (withoutSpacesAndDashes(typed) !== confirmationDigits(manifest)) {
    throw new WrongCode("wrong_kit_digits");
  }
}

/**
 * Wait until the provider holds its piece of a deposit.
 *
 * The web tier's word is not enough: only the custodian service says `custody held` of the provider,
 * and the entry must stand in the ledger. Throws Refused("rejected") when the provider cannot use
 * its piece, NotNow("provider_pending") when it takes longer.
 * @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {number} [seconds]
 */
export async function providerHolds(client, ledger, manifest, seconds = PROVIDER_SECONDS) {
  const [{ custody }] = manifest.ofRole("provider");
  for (let waited = 0; waited < seconds; waited += POLL_SECONDS) {
    const state = await custodyState(client, manifest, custody);
    if (state === "rejected") throw new Refused("rejected");
    if (state === "held" && (await isSaidHeld(client, ledger, manifest, custody))) return;
    await client.pause(POLL_SECONDS);
  }
  throw new NotNow("provider_pending");
}

/** @param {Client} client @param {Manifest} manifest @param {string} custody */
async function custodyState(client, manifest, custody) {
  const found = await client.get(`deposits/${manifest.deposit}`);
  return checked(() => {
    const line = list(found.custodies).find((each) => each.custody === custody);
    return text(line?.state);
  });
}

/** @param {Client} client @param {Ledger} ledger @param {Manifest} manifest @param {string} custody */
async function isSaidHeld(client, ledger, { deposit }, custody) {
  const events = await provenEvents(client, ledger, `deposits/${deposit}/events`);
  return events.some(
    (event) =>
      event.type === "custody held" && event.deposit === deposit && event.custody === custody,
  );
}

/**
 * Finish, by the kit, an enrolment whose page was closed: the digits once more, then the proof.
 *
 * Throws WrongCode("wrong_kit_digits"), Refused and NotNow as above.
 * @param {Client} client @param {Memory} memory
 * @param {{ manifest: Manifest, payload: Payload }} kit the file, or what was read from the paper
 * @param {string} typed
 */
export async function finishWithKit(client, memory, kit, typed) {
  checkKitDigits(kit.manifest, typed);
  const { ledger } = await openLedger(client, memory, kit.manifest.ledgerVkey);
  await providerHolds(client, ledger, kit.manifest);
  return attestShare(client, ledger, kit.manifest, kit.payload);
}
