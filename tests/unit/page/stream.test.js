import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Api, tab, until } from "./api_of_tests.js";
import { Status } from "../../../api/page/site/core/status.js";
import { Stream } from "../../../api/page/site/core/stream.js";

const CHANGES = "/podium/v1/changes";
/** @type {Api} */
let api;
/** @type {Status} */
let status;
/** @type {Stream} */
let stream;
/** @type {any[]} */
let messages;
/** @type {string[]} */
let states;
let running = new AbortController();

beforeEach(async () => {
  api = await new Api().start();
  messages = [];
  states = [];
  running = new AbortController();
  status = new Status();
  stream = new Stream(status);
  stream.addEventListener("messages", (event) => { messages.push(.../** @type {any} */ (event).detail); });
  stream.addEventListener("state", () => { states.push(stream.state); });
  stream.follow(["uuid", "name"]);
});

afterEach(() => {
  running.abort();
  api.kill();
  tab.turn(false);
});

async function live() {
  void stream.run(running.signal);
  await until("the stream", () => messages.length > 0);
}

const queries = () => api.asked.filter((one) => one.path === CHANGES).map((one) => String(one.query));

test("messages come in their order, and the stream is live", async () => {
  await live();
  api.send({ kind: "events", event: 1 }, { kind: "events", event: 2 });
  await until("both", () => messages.length === 3);
  assert.deepEqual(messages.map((one) => one.event), [undefined, 1, 2]);
  assert.deepEqual([stream.state, queries()], ["live", ["fields=uuid%2Cname"]]);
});

test("a message is whole however it is cut into pieces", async () => {
  await live();
  const data = 'id: 9\ndata: {"kind":"events","cursor":"9","event":"機器"}\n\n';
  for (const open of api.streams) {
    const bytes = new TextEncoder().encode(data);
    for (const byte of bytes) open.write(/** @type {any} */ (new Uint8Array([byte])));
  }
  await until("the message", () => messages.length === 2);
  assert.equal(messages[1].event, "機器");
});

test("a stream that breaks off is lost at once, and goes on behind its last message", async () => {
  await live();
  api.send({ kind: "events", event: 1 });
  await until("the message", () => messages.length === 2);
  api.kill();
  await until("the loss", () => stream.state === "lost");
  await api.again();
  await until("the next stream", () => stream.state === "live");
  assert.deepEqual([queries().at(-1), states], ["fields=uuid%2Cname&after=2", ["live", "lost", "live"]]);
});

test("a cursor that comes in silence counts too", async () => {
  await live();
  for (const open of api.streams) open.write(":\nid: 77\n\n");
  api.send({ kind: "dropped", reason: "podium-api ends" });
  api.cursor = 0;
  await until("the next stream", () => api.count(CHANGES) === 2);
  assert.match(queries()[1], /after=2$/);
});

test("a stream that the server ends is no loss", async () => {
  await live();
  api.send({ kind: "dropped", reason: "podium-api ends" });
  await until("the next stream", () => api.count(CHANGES) === 2 && stream.state === "live");
  for (const open of api.streams) open.end();
  await until("the next stream", () => api.count(CHANGES) === 3 && stream.state === "live");
  assert.ok(!states.includes("lost"), states.join(" "));
});

test("a stream that is refused is lost", async () => {
  api.refuse(CHANGES, 503, "there are too many streams");
  void stream.run(running.signal);
  await until("the loss", () => stream.state === "lost");
});

test("a cursor that is none is given up", async () => {
  await live();
  api.refuse(CHANGES, 400, "after: 'x' is no cursor of a stream of changes");
  for (const open of api.streams) open.end();
  await until("the loss", () => stream.state === "lost");
  api.heal();
  await until("a new beginning", () => stream.state === "live");
  assert.equal(queries().at(-1), "fields=uuid%2Cname");
});

test("other fields come from the same place on", async () => {
  await live();
  stream.follow(["uuid", "extra.zone"]);
  await until("the next stream", () => api.count(CHANGES) === 2);
  assert.equal(queries().at(-1), "fields=uuid%2Cextra.zone&after=1");
  assert.ok(!states.includes("lost"));
});

test("without a status the connection counts as lost, and with one it is live again", async () => {
  await live();
  void status.run(running.signal);
  await until("the status", () => status.last);
  api.refuse("/podium/v1/status", 503, "no database");
  await until("the loss", () => stream.state === "lost");
  api.heal();
  await until("the next status", () => stream.state === "live");
});

test("nothing is asked for where nobody looks, and where nobody is logged in", async () => {
  tab.turn(true);
  void stream.run(running.signal);
  running.abort();
  running = new AbortController();
  tab.turn(false);
  void stream.run(running.signal);
  await until("the stream", () => messages.length > 0);
  assert.equal(api.count(CHANGES), 1);
});
