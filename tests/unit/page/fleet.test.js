import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Api, node, until } from "./api_of_tests.js";
import { Fleet } from "../../../api/page/site/core/fleet.js";
import { Status } from "../../../api/page/site/core/status.js";
import { Stream } from "../../../api/page/site/core/stream.js";

const NODES = "/podium/v1/nodes";
/** @type {Api} */
let api;
/** @type {Status} */
let status;
/** @type {Stream} */
let stream;
/** @type {Fleet} */
let fleet;
/** @type {{nodes: Set<any>, order: boolean}[]} */
let changes;
let running = new AbortController();

beforeEach(async () => {
  api = await new Api().start();
  status = new Status();
  stream = new Stream(status);
  fleet = new Fleet(stream, status);
  changes = [];
  running = new AbortController();
  fleet.addEventListener("change", (event) => { changes.push(/** @type {any} */ (event).detail); });
});

afterEach(() => {
  running.abort();
  api.kill();
});

function start() {
  running = new AbortController();
  void stream.run(running.signal);
  void fleet.run(running.signal);
}

/** @param {any[]} nodes */
async function loaded(...nodes) {
  api.nodes = nodes;
  start();
  await until("the fleet", () => fleet.phase === "whole" && fleet.ordered.length === nodes.length);
}

const named = (/** @type {string} */ name) => [...fleet.nodes.values()].find((one) => one.name === name);
const names = () => fleet.ordered.map((one) => one.name).join(" ");
const change = (/** @type {any[]} */ ...those) =>
  api.send(...those.map((one) => ({ kind: "nodes", node: { extra: {}, ...one }, gone: false })));
const gone = (/** @type {string} */ name) =>
  api.send({ kind: "nodes", node: { uuid: `uuid of ${name}`, name }, gone: true });

test("nodes are what the list says", async () => {
  await loaded(node("r1n01", { extra: { rack: "B7" } }), node("r1n02", { power_state: null }));
  const [first, second] = fleet.ordered;
  assert.equal(named("r1n01"), first);
  assert.equal(fleet.nodes.get("uuid of r1n02"), second);
  assert.deepEqual([first.rack, second.rack, second.power_state], ["B7", "r1", null]);
  assert.equal(first.power_checked_at, Date.parse("2026-12-01T09:00:00Z"));
  assert.equal(first.health, second.health);
});

test("a change is told with its node, which is the same as before", async () => {
  await loaded(node("n1"), node("n2"));
  const [, second] = fleet.ordered;
  changes.length = 0;
  change(node("n2", { power_state: "power off" }));
  await until("the change", () => changes.length);
  assert.deepEqual([[...changes[0].nodes], changes[0].order], [[second], false]);
  assert.equal(second.power_state, "power off");
});

test("changes that come together are told at once, and what is no change is not told", async () => {
  await loaded(node("n1"), node("n2"), node("n3"));
  changes.length = 0;
  change(node("n3"), node("n1", { power_state: "power off" }), node("n1", { power_state: "error" }),
    node("n2", { power_state: "error" }));
  await until("the changes", () => changes.length);
  assert.deepEqual(changes.map((one) => [...one.nodes].map(({ name }) => name)), [["n1", "n2"]]);
});

test("nodes come, go and get other names in natural order", async () => {
  await loaded(node("n1"), node("n3"), node("n10"));
  change(node("n2"));
  gone("n10");
  change({ ...node("n3"), name: "n0" });
  await until("the order", () => names() === "n0 n1 n2");
  assert.ok(changes.at(-1)?.order);
  assert.equal(named("n3"), undefined);
  assert.equal(fleet.nodes.size, 3);
});

test("a node that changes while the list is sent is as the stream says", async () => {
  api.paths[NODES] = (_request, response) => {
    api.heal();  // what is asked for later has nothing new
    response.writeHead(200).write(`${JSON.stringify(node("n1"))}\n`);
    void until("the stream's nodes", () => fleet.nodes.size === 3).then(() =>
      response.end([node("n2"), node("n3")].map((one) => `${JSON.stringify(one)}\n`).join("")));
  };
  start();
  await until("the first", () => fleet.nodes.size === 1);
  change(node("n2", { power_state: "power off" }));
  change(node("n4"));
  gone("n3");
  await until("the list", () => fleet.phase === "whole" && fleet.ordered.length === 3);
  assert.equal(names(), "n1 n2 n4");
  assert.equal(named("n2")?.power_state, "power off");
});

test("a list that fails is asked for again", async () => {
  let times = 0;
  api.paths[NODES] = (_request, response) => {
    times += 1;
    if (times === 1) return response.destroy();
    return response.end(`${JSON.stringify(node("n1"))}\n`);
  };
  start();
  await until("the failure", () => fleet.failure);
  await until("the list", () => fleet.phase === "whole");
  assert.deepEqual([times, fleet.failure], [2, ""]);
});

test("after a reset the list counts, and what is shown stays until then", async () => {
  await loaded(node("n1"), node("n2"));
  const first = named("n1");
  api.nodes = [node("n1", { power_state: "error" }), node("n3")];
  api.send({ kind: "reset", reason: "list again" });
  await until("the list", () => names() === "n1 n3");
  assert.deepEqual([named("n1") === first, first?.power_state], [true, "error"]);
});

test("columns that are needed are there, and stay current", async () => {
  await loaded(node("n1", { extra: { rack: "r7", zone: "north" } }), node("n2"));
  await fleet.need(["extra.zone"]);
  assert.deepEqual(fleet.ordered.map((one) => [one["extra.zone"], one.rack]), [["north", "r7"], [null, "n"]]);
  await until("the next stream", () => api.count("/podium/v1/changes") === 2);
  change(node("n2", { extra: { zone: "south" } }));
  await until("the change", () => named("n2")?.["extra.zone"] === "south");
});

test("a key that objects inherit is one of a node only where the node has it", async () => {
  const odd = JSON.parse('{"__proto__": "x", "constructor": "y"}');
  await loaded(node("n1"), node("n2", { extra: odd }));
  const columns = ["extra.__proto__", "extra.constructor", "extra.toString"];
  await fleet.need(columns);
  const found = fleet.ordered.map((one) => columns.map((column) => one[column]));
  assert.deepEqual(found, [[null, null, null], ["x", "y", null]]);
  assert.ok(!Object.isFrozen(Object.prototype));
});

test("columns of former filters are not asked for any more where they become many", async () => {
  await loaded(node("n1", { extra: { zone: "north", row: "7" } }));
  await fleet.need(["extra.zone"]);
  await fleet.need(["extra.row", ...Array.from({ length: 39 }, (_, at) => `extra.k${at}`)]);
  assert.equal(fleet.ordered[0]["extra.row"], "7");
  assert.deepEqual([fleet.lacks(["extra.zone", "name"]), fleet.lacks(["extra.row", "name"])], [true, false]);
  const streams = () => api.asked.filter(({ path }) => path.endsWith("/changes"));
  await until("the stream", () => streams().at(-1)?.query.get("fields")?.includes("extra.row"));
  assert.doesNotMatch(streams().at(-1)?.query.get("fields") ?? "", /extra.zone/);
  await assert.rejects(fleet.need(Array.from({ length: 41 }, (_, at) => `extra.x${at}`)), /too many/);
});

test("columns that are needed before the list are in it", async () => {
  api.nodes = [node("n1", { extra: { zone: "north" } })];
  const needed = fleet.need(["extra.zone"]);
  start();
  await needed;
  assert.equal(named("n1")?.["extra.zone"], "north");
});

test("a column that does not exist is refused, and harms nothing", async () => {
  await loaded(node("n1"));
  api.refuse(NODES, 400, "nodes have no field x");
  await assert.rejects(fleet.need(["x"]), /nodes have no field x/);
  assert.deepEqual([fleet.phase, stream.state], ["whole", "live"]);
});

test("what the stream does not report is asked for again", async () => {
  await loaded(node("n1"), node("n2"));
  for (const one of api.nodes) one.power_checked_at = "2026-12-01T09:05:00Z";
  const later = Date.parse("2026-12-01T09:05:00Z");
  await until("the ages", () => fleet.ordered.every((one) => one.power_checked_at === later));
});

test("operations, events and conductors are told", async () => {
  await loaded();
  /** @type {any[]} */
  const told = [];
  for (const name of ["operations", "events", "conductors"]) {
    fleet.addEventListener(name, (event) => { told.push(/** @type {any} */ (event).detail); });
  }
  const of = [{ operation: { id: 1 } }, { event: { id: 2 } }, { hostname: "c1", conductor: null }];
  api.send(...of.map((one, at) => ({ kind: ["operations", "events", "conductors"][at], ...one })));
  await until("all", () => told.length === 3);
  assert.deepEqual(told.map(({ cursor: _, ...one }) => one), of);
});

test("whoever logs out leaves nothing behind, and the next begins anew", async () => {
  await loaded(node("n1"));
  running.abort();
  await until("nothing", () => !fleet.ordered.length);
  assert.deepEqual([fleet.nodes.size, fleet.phase], [0, "loading"]);
  await loaded(node("n2"));
  assert.equal(names(), "n2");
});

test("how many are expected, and the server's time, are what the status says", async () => {
  const at = Date.now() + 3_600_000;
  Object.assign(api.status, { at: new Date(at).toISOString(), nodes: { total: 40, enroll: 2 } });
  void status.run(running.signal);
  await until("the status", () => status.last);
  assert.equal(fleet.total, 42);
  const now = fleet.now();  // an hour ahead, but for what passed before the answer was read
  assert.ok(at <= now && now <= Date.now() + 3_600_000, `${now - at}`);
  assert.deepEqual(status.history, [{ at, counts: { total: 40, enroll: 2 } }]);
});
