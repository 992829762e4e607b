/**
 * A person with a browser, without the browser: the client's core, asked by a Python test.
 *
 * `node desk.js URL CLOCK` takes a JSON line with an operation and gives a JSON line back. Its line to
 * the service records what is sent, and can lie: `lie` names one of LIES.
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

import { Acceptance } from "../../../escrow/browser/client/accept.js";
import { Enrolment, finishWithKit, ownAddresses, serviceKeys } from "../../../escrow/browser/client/enrol.js";
import { ClientError } from "../../../escrow/browser/client/errors.js";
import { Client } from "../../../escrow/browser/client/http.js";
import { Memory } from "../../../escrow/browser/client/ledger.js";
import { askForCode, enterMailCode, enterTotp } from "../../../escrow/browser/client/signin.js";
import { hex, unhex } from "../../../escrow/browser/platform/bytes.js";
import { ownerKey } from "../../../escrow/browser/protocol/keys.js";
import { Kit } from "../../../escrow/browser/protocol/kit.js";
import { InvitationLink } from "../../../escrow/browser/protocol/qr.js";
import { LIES } from "./lies.js";

const [url, clock] = process.argv.slice(2);
const now = () => Math.floor(Date.now() / 1000) + Number(readFileSync(clock, "utf8"));

/** @type {string[]} */
let sent = [];
/** @type {import("./lies.js").Lie | null} */
let lie = null;
let breaksAfter = "";

/** @param {RequestInfo | URL} input @param {RequestInit} [init] */
async function line(input, init) {
  const path = String(input).replace(`${url}/api/v1/`, "");
  sent.push(`${init?.method} ${path}`);
  const answer = await fetch(input, init);
  const body = await answer.text();
  if (breaksAfter && path.startsWith(breaksAfter) && init?.method === "PUT") {
    breaksAfter = "";
    throw new TypeError("the line broke");
  }
  if (!answer.ok || !lie || !body) return new Response(body || null, answer);
  const document = JSON.parse(body);
  await lie(path, document, init?.method ?? "");
  return new Response(JSON.stringify(document), answer);
}

const client = new Client({ url, now, fetch: line });
let memory = new Memory();
let account = "";
/** @type {Enrolment | null} */
let enrolment = null;
/** @type {Acceptance | null} */
let acceptance = null;

/** @template T @param {T | null} value @returns {T} */
function there(value) {
  if (value === null) throw new Error("nothing was begun");
  return value;
}

/** @param {import("../../../escrow/browser/client/paper.js").Paper} paper */
function written(paper) {
  return { ...paper, words: paper.words, share: paper.shareText, check: paper.check };
}

/** @type {Record<string, (input: any) => Promise<object | void>>} */
const OPERATIONS = {
  ask_code: async ({ address }) => ({ login: await askForCode(client, address) }),
  mail_code: async ({ login, code }) => ({ accounts: await enterMailCode(client, login, code) }),
  totp: async ({ login, account: chosen, code }) => {
    account = chosen;
    await enterTotp(client, login, account, code, { cookie: false });
  },
  lie: async ({ name, links }) => {
    lie = name ? LIES[name](client, links ?? []) : null;
    sent = [];
  },
  forget: async () => {
    memory = new Memory();
  },
  break: async ({ path }) => {
    breaksAfter = path;
  },
  sent: async () => ({ sent }),
  enrol: async ({ plan, recovery_key: recoveryKey }) => {
    const secret = unhex(plan.secret);
    const service = await serviceKeys(client, memory);
    const owner = recoveryKey ? await ownerKey(unhex(recoveryKey), plan.replaces) : null;
    const decided = { contactsReplaceTotp: false, replaces: null, url, ...plan, secret };
    const own = await ownAddresses(client, account);
    enrolment = await Enrolment.make(client, service, decided, { ownAddresses: own, owner });
    return { deposit: enrolment.deposit, secret: hex(secret) };
  },
  send: async () => there(enrolment).send(),
  replaced: async () => there(enrolment).sayReplaced(),
  wait: async ({ seconds }) => there(enrolment).waitForProvider(seconds),
  kit: async () => {
    const found = there(enrolment);
    return { file: hex(found.kitFile), paper: written(found.paper) };
  },
  confirm: async ({ digits }) => there(enrolment).confirmKit(digits),
  invitations: async () => ({
    invitations: there(enrolment).invitations.map(({ custody, link, digits, inPerson }) => ({
      custody,
      link,
      digits,
      in_person: inPerson,
    })),
  }),
  leave: async () => {
    there(enrolment).wipe();
    enrolment = null;
  },
  finish: async ({ kit, digits }) => ({
    state: await finishWithKit(client, memory, await Kit.parse(unhex(kit)), digits),
  }),
  fetch: async ({ link }) => {
    acceptance = await Acceptance.fetch(client, memory, InvitationLink.parse(link), url);
    return { customer: acceptance.customer };
  },
  open: async ({ digits }) => {
    const found = there(acceptance);
    await found.open(digits ?? null);
    return { who: found.who };
  },
  tries: async () => ({ tries: there(acceptance).wrongTries }),
  card: async () => {
    const found = there(acceptance);
    const file = await found.cardFile();
    return { file: hex(file), paper: written(found.paper) };
  },
  card_is_kept: async () => there(acceptance).cardIsKept(),
  phrase: async ({ phrase, locale }) => there(acceptance).choosePhrase(phrase, locale),
  accept: async () => ({ state: await there(acceptance).attest() }),
};

for await (const asked of createInterface({ input: process.stdin })) {
  const { operation, input } = JSON.parse(asked);
  let answer;
  try {
    answer = { output: (await OPERATIONS[operation](input)) ?? {} };
  } catch (error) {
    const isOurs = error instanceof ClientError;
    answer = isOurs ? { error: error.code } : { fell_over: String(/** @type {any} */ (error)?.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
