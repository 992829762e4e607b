/** Our SLIP-0039 against the npm package `slip39`, both ways, for every policy's smallest sets. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hex } from "../../../escrow/browser/platform/bytes.js";
import * as slip39 from "../../../escrow/browser/protocol/slip39.js";
// @ts-expect-error: the package has no types
import Oracle from "slip39";

/** Every pair of groups, with the first or the last of the contacts that are needed. @param {string[]} shares @param {number} needed @param {number} count */
function quorums(shares, needed, count) {
  const [customer, provider] = [shares[0], shares[shares.length - 1]];
  if (!count) return [[customer, provider]];
  const contacts = [shares.slice(1, 1 + needed), shares.slice(1 + count - needed, 1 + count)];
  return [
    [customer, provider],
    ...contacts.flatMap((some) => [
      [customer, ...some],
      [...some, provider],
    ]),
  ];
}

for (const [needed, count] of [[0, 0], [1, 1], [2, 2], [2, 3], [3, 5], [16, 16]]) {
  test(`${needed} of ${count} contacts, split here, combined there`, async () => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const shares = (await slip39.split(secret, needed, count)).map((share) => share.words());
    for (const some of quorums(shares, needed, count)) {
      assert.equal(hex(Uint8Array.from(Oracle.recoverSecret(some, ""))), hex(secret));
      assert.equal(hex(await slip39.combine(some)), hex(secret));
    }
  });

  test(`${needed} of ${count} contacts, split there, combined here`, async () => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const contacts = count ? [[needed, count, "contacts"]] : [];
    const groups = [[1, 1, "customer"], ...contacts, [1, 1, "provider"]];
    const made = Oracle.fromArray(Array.from(secret), { threshold: 2, groups });
    /** @type {string[]} */
    const shares = groups.flatMap((_, group) => made.fromPath(`r/${group}`).mnemonics);
    for (const some of quorums(shares, needed, count)) {
      assert.equal(hex(await slip39.combine(some)), hex(secret));
    }
  });
}
