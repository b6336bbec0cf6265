import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Api, refuse } from "./api_of_tests.js";
import { ApiError, ask, lines, refusals } from "../../../api/page/site/core/api.js";

/** @type {Api} */
let api;
beforeEach(async () => { api = await new Api().start(); });
afterEach(() => api.kill());

/** @param {Promise<unknown>} asking @returns {Promise<ApiError>} */
async function refusalOf(asking) {
  try {
    await asking;
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }
  return assert.fail("it was not refused");
}

/** @param {AsyncIterable<any[]>} batches */
async function all(batches) {
  const found = [];
  for await (const rows of batches) found.push(...rows);
  return found;
}

test("a request says what is asked, and how long nobody has touched the page", async () => {
  api.paths["/podium/v1/operations"] = (_request, response) => response.end('{"id": 7}');
  const query = { kinds: ["nodes", "events"], limit: 5, none: null };
  const found = await ask("POST", "podium/v1/operations", { query, body: { nodes: "n1" }, key: "k" });
  assert.deepEqual(found, { id: 7 });
  const [{ method, query: sent, headers, body }] = api.asked;
  assert.equal(`${method} ${sent}`, "POST kinds=nodes&kinds=events&limit=5");
  assert.deepEqual(body, { nodes: "n1" });
  assert.match(headers["podium-idle"] ?? "", /^[0-9]+$/);
  assert.equal(headers["idempotency-key"], "k");
});

test("an answer without content is null, and its warnings are told", async () => {
  api.paths["/podium/v1/x"] = (_request, response) =>
    response.writeHead(204, { "Podium-Warnings": '["nobody serves n1"]' }).end();
  /** @type {string[]} */
  const warned = [];
  assert.equal(await ask("DELETE", "podium/v1/x", { warn: (texts) => warned.push(...texts) }), null);
  assert.deepEqual(warned, ["nobody serves n1"]);
});

test("a refusal has the API's own words", async () => {
  const more = { nodes: 48, limit: 25 };
  api.paths["/podium/v1/x"] = (_request, response) =>
    refuse(response, 400, "NeedsConfirmation", "48 nodes", more);
  const { message, status, nodes } = await refusalOf(ask("POST", "podium/v1/x"));
  assert.deepEqual({ message, status, nodes }, { message: "48 nodes", status: 400, nodes: 48 });
});

test("a refusal without words has its status", async () => {
  api.paths["/podium/v1/x"] = (_request, response) => response.writeHead(502).end("<html>Bad gateway");
  const { message, status } = await refusalOf(ask("GET", "podium/v1/x"));
  assert.deepEqual([message, status], ["podium-api answers with the status 502", 502]);
});

test("the end of a session is told", async () => {
  api.paths["/podium/v1/x"] = (_request, response) => refuse(response, 401, "LoginNeeded", "log in");
  let times = 0;
  refusals.addEventListener("refused", () => { times += 1; });
  await refusalOf(ask("GET", "podium/v1/x"));
  assert.equal(times, 1);
});

test("an API that does not answer is not waited for", async () => {
  api.paths["/podium/v1/x"] = () => undefined;
  const { message, status } = await refusalOf(ask("GET", "podium/v1/x", { seconds: 0.05 }));
  assert.deepEqual([message, status], ["podium-api has not answered for 0.05 s", 0]);
});

test("an API that is not there does not answer", async () => {
  api.kill();
  assert.equal((await refusalOf(ask("GET", "podium/v1/x"))).status, 0);
});

test("whoever asks may end it", async () => {
  api.paths["/podium/v1/x"] = () => undefined;
  const ending = new AbortController();
  const asking = ask("GET", "podium/v1/x", { signal: ending.signal });
  ending.abort(new Error("no longer wanted"));
  await assert.rejects(asking, /no longer wanted/);
});

test("a list is the same however it is cut into pieces", async () => {
  const rows = [{ name: "n1" }, { name: "Zoë 機器" }, { name: "a\nb" }];
  const bytes = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  api.paths["/podium/v1/nodes"] = (_request, response) => {
    response.writeHead(200);
    for (const byte of bytes) response.write(/** @type {any} */ (new Uint8Array([byte])));
    response.end();
  };
  assert.deepEqual(await all(lines("podium/v1/nodes")), rows);
});

test("a list that breaks off is not taken for whole", async () => {
  api.paths["/podium/v1/nodes"] = (_request, response) => {
    response.writeHead(200).write('{"name": "n1"}\n');
    setTimeout(() => response.destroy(), 10);
  };
  assert.match((await refusalOf(all(lines("podium/v1/nodes")))).message, /broke off/);
});

test("a list that does not go on is not waited for", async () => {
  api.paths["/podium/v1/nodes"] = (_request, response) =>
    void response.writeHead(200).write('{"name": "n1"}\n');
  assert.match((await refusalOf(all(lines("podium/v1/nodes", { seconds: 0.05 })))).message, /not answered/);
});
