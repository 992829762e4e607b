/** Our own vectors, one test a file; every wrong case is named. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { INSIDE, OPERATIONS, walk } from "./walk.js";

const FOLDER = new URL("../../vectors/", import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

/** @param {string} name */
const load = (name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));

for (const name of FILES) {
  test(`vectors of ${name}`, async () => {
    const { count, failures } = await walk({ [name]: load(name) });
    assert.ok(count > 0);
    assert.deepEqual(failures, []);
  });
}

test("every operation has a case", () => {
  const walked = FILES.flatMap((name) => load(name).cases)
    .map((each) => each.operation)
    .filter((operation) => !INSIDE.has(operation));
  assert.deepEqual(new Set(walked), new Set(Object.keys(OPERATIONS)));
});
