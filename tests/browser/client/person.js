/**
 * A person at a browser, without a page: does what a Python test says, one JSON line after another.
 *
 * It has only what escrow/browser/client offers. `now` of every question is the time that it believes.
 */

import { createInterface } from "node:readline";

import { hex, unhex, wipe } from "../../../escrow/browser/platform/bytes.js";
import * as attesting from "../../../escrow/browser/client/attesting.js";
import { Contact } from "../../../escrow/browser/client/contact.js";
import { ClientError } from "../../../escrow/browser/client/errors.js";
import { Client } from "../../../escrow/browser/client/http.js";
import { Memory } from "../../../escrow/browser/client/ledger.js";
import { openLedger } from "../../../escrow/browser/client/ledgerkeys.js";
import * as piece from "../../../escrow/browser/client/piece.js";
import * as recover from "../../../escrow/browser/client/recover.js";
import * as signin from "../../../escrow/browser/client/signin.js";
import { leftovers, spy } from "../protocol/spy.js";

/** All that a page would have in its variables. @type {Record<string, any>} */
let me = {};
let time = 0;

/** @typedef {(given: Record<string, any>) => Promise<any> | any} Operation */

/** @type {Record<string, Operation>} */
const SIGNING_IN = {
  start: ({ url, bearer, note }) => {
    me = { client: new Client({ url, bearer, now: () => time }), memory: new Memory(note ?? "") };
  },
  spy: () => void (me.spy = spy()),
  leftovers: ({ secrets }) => {
    for (const name of ["collection", "recovered", "piece", "contact"]) me[name]?.wipe();
    me.spy.end();
    const bytes = Object.entries(secrets).map(([name, secret]) => [name, unhex(String(secret))]);
    return { made: me.spy.seen.length, left: leftovers(me.spy.seen, Object.fromEntries(bytes)) };
  },
  ask_for_code: async ({ address }) => void (me.login = await signin.askForCode(me.client, address)),
  enter_mail_code: ({ code }) => signin.enterMailCode(me.client, me.login, code),
  enter_totp: ({ account, code }) =>
    signin.enterTotp(me.client, me.login, account, code, { cookie: false }),
  present: () => signin.present(me.client),
  memory: () => me.memory.note,
};

/** @type {Record<string, Operation>} */
const PIECES = {
  piece_file: async ({ data }) => {
    const bytes = unhex(data);
    me.piece = await piece.ofFile(bytes);
    wipe(bytes);
  },
  piece_qr: async ({ text }) => void (me.piece = await piece.ofQr(me.client, text)),
  piece_words: async ({ words, custody, code }) =>
    void (me.piece = await piece.ofWords(me.client, words, custody, code)),
  check_digits: async ({ digits, custody }) =>
    (await attesting.checkByDigits(me.client, me.memory, digits, custody)).state,
  check_qr: async ({ text }) => {
    const check = await attesting.checkOfQr(text);
    const { custody, seed } = check;
    return (await attesting.checkPiece(me.client, me.memory, custody, seed)).state;
  },
};

/** @param {string} name role or custody */
function lineOf(name) {
  const { manifest, provider } = me.target;
  return name === "provider" ? provider : manifest.custody(name);
}

/** @type {Record<string, Operation>} */
const RECOVERING = {
  deposits: () => recover.usableDeposits(me.client),
  under_way: ({ deposit }) => recover.underWay(me.client, deposit),
  open: async (asked) => {
    const vkey = me.piece?.manifest.ledgerVkey;
    const found = vkey ? await openLedger(me.client, me.memory, vkey) : null;
    const known = { piece: me.piece, ledger: found?.ledger };
    me.running = await recover.open(me.client, { ...known, .../** @type {any} */ (asked) });
    return me.running;
  },
  read: async ({ recovery }) => {
    me.running = await recover.read(me.client, recovery);
    return recover.stepOf(me.running);
  },
  veto: ({ recovery }) => recover.veto(me.client, recovery),
  target: async ({ pinned }) => {
    const known = { piece: me.piece, pinned: pinned ? unhex(pinned) : null };
    me.target = await recover.targetOf(me.client, me.memory, me.running, known);
    const helpers = me.target.helpers.map((/** @type {any} */ line) => line.custody);
    return { first_look: me.target.ledger.firstLook, helpers };
  },
  begin: async () => {
    me.collection?.wipe();
    me.collection = await recover.begin(me.client, me.target, me.running, me.piece);
    const { session, publicKey } = me.collection.session;
    return { session, public_key: hex(publicKey) };
  },
  add_piece: () => me.collection.add(me.piece),
  call: async ({ custody }) => {
    me.call = await me.collection.call(lineOf(custody));
    return me.call.path;
  },
  answered: async () => void (await me.call.answered()),
  reveal: () => me.call.reveal(),
  released: () => me.call.released(),
  take: ({ custody, seconds }) => me.collection.take(lineOf(custody), seconds),
  is_enough: () => me.collection.isEnough,
  combine: async () => {
    me.recovered = await me.collection.combine();
    return hex(me.recovered.secret);
  },
  complete: () => {
    const { recovery } = me.running;
    return recover.complete(me.client, me.target, recovery, me.recovered.ownerKey);
  },
};

/** @type {Record<string, Operation>} */
const HELPING = {
  contact: async () => {
    me.contact = await Contact.of(me.client, me.memory, me.piece);
    return { first_look: me.contact.ledger.firstLook, state: me.contact.document.state };
  },
  recovery: () => me.contact.recovery(),
  running: async () => void (me.found = await me.contact.running()),
  answer: async () => void (me.answer = await me.contact.answer(me.found)),
  revealed: () => me.answer.revealed(),
  compare: ({ digits }) => me.answer.compare(digits),
  release: () => me.answer.release(),
  refuse: () => me.contact.veto(),
  drafts: () => me.contact.drafts(),
  draft_of: async ({ number }) => void (me.draft = await me.contact.draftOf(number)),
  vouch: () => me.contact.vouch(me.draft),
  attest_share: () => me.contact.attestShare(),
  attest_check: () => me.contact.attestCheck(),
  decline: () => me.contact.decline(),
  lost: () => me.contact.lost(),
  phrase: ({ phrase }) => me.contact.phrase(phrase),
  reach: ({ address }) => me.contact.reach(address),
  reached: ({ address, code }) => me.contact.reached(address, code),
  move: ({ name, address }) => me.contact.move(name, address),
};

/** @type {Record<string, Operation>} */
const OPERATIONS = { ...SIGNING_IN, ...PIECES, ...RECOVERING, ...HELPING };

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, now, given } = JSON.parse(line);
  time = now;
  let answer;
  try {
    answer = { output: (await OPERATIONS[operation](given)) ?? null };
  } catch (error) {
    const { name, code, details, stack } = /** @type {any} */ (error);
    const isOurs = error instanceof ClientError;
    answer = isOurs ? { stopped: { name, code, details } } : { fell_over: String(stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
