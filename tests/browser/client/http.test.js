/** The line to the service, against a real server on this machine that misbehaves as it is told. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Client, ServiceError, Signer } from "../../../escrow/browser/client/http.js";
import { b64urlDecode } from "../../../escrow/browser/protocol/encoding.js";
import { Ed25519PrivateKey } from "../../../escrow/browser/platform/ed25519.js";
import { Request, verify } from "../../../escrow/browser/protocol/request.js";

/** @typedef {import("node:http").ServerResponse} ServerResponse */

/** What the server does with one request after the other; then it answers {}. @type {((answer: ServerResponse) => void)[]} */
let misbehaviour = [];
/** @type {{ method: string, url: string, headers: any, body: string }[]} */
let received = [];
const server = createServer((request, answer) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    received.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    (misbehaviour.shift() ?? ((it) => says(it, 200, "{}")))(answer);
  });
});

/** @param {ServerResponse} answer @param {number} status @param {string} body @param {Record<string, string>} [headers] */
function says(answer, status, body, headers = {}) {
  answer.writeHead(status, { "Content-Type": "application/json", ...headers }).end(body);
}

/** @param {ServerResponse} answer */
const hangUp = (answer) => answer.destroy();

before(() => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined))));
after(() => server.close());

/** A client that does not really wait, and what it would have waited. @param {any} [options] */
function clientOf(options = {}) {
  misbehaviour = [];
  received = [];
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const client = new Client({ url: `http://127.0.0.1:${port}`, now: () => 1000, ...options });
  /** @type {number[]} */
  const paused = [];
  client.pause = async (seconds) => void paused.push(seconds);
  return { client, paused };
}

/** @param {Partial<ServiceError>} expected */
const isError = (expected) => (/** @type {any} */ error) => {
  assert.ok(error instanceof ServiceError);
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(/** @type {any} */ (error)[name], value);
  }
  return true;
};

test("a PUT is repeated when the line breaks, a POST only if that does no harm", async () => {
  const { client } = clientOf();
  misbehaviour = [hangUp, hangUp];
  assert.deepEqual(await client.put("things/1", { a: 1 }), {});
  assert.equal(received.length, 3);
  misbehaviour = [hangUp];
  await assert.rejects(client.post("things", {}), isError({ status: 0, code: "unreachable" }));
  assert.equal(received.length, 4);
  misbehaviour = [hangUp];
  await client.post("things", {}, { repeat: true });
  assert.equal(received.length, 6);
});

test("a busy service is asked again when it says so, and not for ever", async () => {
  const { client, paused } = clientOf();
  misbehaviour = [(answer) => says(answer, 503, "{}", { "Retry-After": "3" })];
  await client.get("things");
  assert.deepEqual(paused, [3]);
  misbehaviour = Array.from({ length: 6 }, () => (answer) => says(answer, 503, '{"retry_after":99}'));
  await assert.rejects(client.get("things"), isError({ status: 503, retryAfter: 99 }));
  assert.deepEqual(paused.slice(1), [15, 15, 15, 15, 15]);
});

test("a problem keeps its code and what a sentence needs; nothing else is taken from it", async () => {
  const { client } = clientOf();
  const problem = { code: "too_early", at: 7, state: "waiting", detail: "<b>", more: 1 };
  misbehaviour = [(answer) => says(answer, 409, JSON.stringify(problem))];
  const expected = { status: 409, code: "too_early", details: { at: 7, state: "waiting" } };
  await assert.rejects(client.post("things", {}), isError(expected));
  misbehaviour = [(answer) => says(answer, 429, '{"code":"locked","retry_after":900}')];
  await assert.rejects(client.post("things", {}), isError({ code: "locked", retryAfter: 900 }));
  misbehaviour = [(answer) => says(answer, 500, "<html>", { "Content-Type": "text/html" })];
  await assert.rejects(client.post("things", {}), isError({ status: 500, code: "500" }));
});

for (const [name, body] of /** @type {[string, string][]} */ ([
  ["a page of the network", "<html>"],
  ["a field twice", '{"a":1,"a":2}'],
  ["a list", "[]"],
  ["too much", `{"a":"${"x".repeat(9 * 2 ** 20)}"}`],
])) {
  test(`an answer that is ${name} is not of this service`, async () => {
    const { client } = clientOf();
    misbehaviour = [(answer) => says(answer, 200, body)];
    await assert.rejects(client.get("things"), isError({ code: "strange_answer" }));
  });
}

test("it is not led elsewhere", async () => {
  const { client } = clientOf();
  misbehaviour = [(answer) => says(answer, 302, "", { Location: "/api/v1/elsewhere" })];
  await assert.rejects(client.post("things", {}), isError({ code: "unreachable" }));
  assert.equal(received.length, 1);
});

test("a contact's request is signed, path without query, and goes without session or cookie", async () => {
  const key = await Ed25519PrivateKey.fromPrivateBytes(new Uint8Array(32).fill(7));
  const custody = "ab".repeat(16);
  /** @type {any} */
  let asked;
  /** @type {typeof globalThis.fetch} */
  const spied = (url, request) => ((asked = request), globalThis.fetch(url, request));
  const { client } = clientOf({ bearer: "token", fetch: spied });
  const signed = client.signedBy(new Signer({ custody, key }));
  await signed.send("POST", "things", { b: "é" }, { query: { after: 3 } });
  const [{ headers, body, url }] = received;
  assert.equal(url, "/api/v1/things?after=3");
  assert.equal(headers.authorization, undefined);
  assert.equal(asked.credentials, "omit");
  const sent = new TextEncoder().encode(body);
  const request = new Request({ custody, method: "POST", path: "/api/v1/things", body: sent, time: 1000 });
  await verify(request, b64urlDecode(headers["escrow-signature"]), key.publicKey);
  assert.deepEqual([headers["escrow-custody"], headers["escrow-time"]], [custody, "1000"]);
});

test("who leaves the page leaves everything", async () => {
  const leaving = new AbortController();
  const { client } = clientOf({ signal: leaving.signal });
  misbehaviour = [() => leaving.abort()];
  await assert.rejects(client.get("things"), isError({ code: "aborted" }));
  assert.equal(received.length, 1);
});
