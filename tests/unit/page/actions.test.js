/** What is asked of nodes, and what came of it, in words. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ACTIONS, named, outcomeOf, ownAction, places, requestOf, warnings, xored,
} from "../../../api/page/site/acting/actions.js";

const uuidOf = (/** @type {string} */ name) =>
  `00000000-0000-4000-8000-${[...name].map((sign) => sign.charCodeAt(0).toString(16)).join("")
    .padStart(12, "0")}`;
/** @param {string} name @param {object} more */
const node = (name, more = {}) => /** @type {any} */ ({
  uuid: uuidOf(name), name, rack: name.slice(0, 2), driver: "ipmi", power_state: "power on",
  target_power_state: null, maintenance: false, conductor: "c1/0@1", ...more,
});
const action = (/** @type {string} */ name) => ACTIONS.filter((one) => one.name === name)[0];
const ANSWER = { reason: null, option: false, given: {}, confirmed: false, key: "k" };

test("the question names racks and nodes as ranges", () => {
  assert.deepEqual(places([node("r1n01"), node("r1n02"), node("r2n01")]), [
    "2 racks: r[1-2]", "Nodes: r1n[01-02],r2n01",
  ]);
  assert.deepEqual(places([node("r1n01")]), ["Rack r1"]);
});

test("who stops machines is told how many run, and whose change is under way", () => {
  const nodes = [node("r1n01"), node("r1n02", { power_state: "power off", maintenance: true }),
    node("r1n03", { target_power_state: "power off", conductor: null })];
  const able = (/** @type {any} */ { name }) => name !== "r1n02";
  assert.deepEqual(warnings(action("power off"), nodes, able), [
    "On now, and stopped by this: 2 nodes", "In maintenance: 1 node", "With a change under way: 1 node",
    "Without a conductor, so that nothing happens for now: 1 node",
    "Refused, because the driver cannot do it: 1 node",
  ]);
  assert.deepEqual(warnings(action("power off"), [node("r1n01")], able), ["On now, and stopped by this"]);
  assert.deepEqual(warnings(action("power on"), [node("r1n01")], () => true), []);
  assert.deepEqual(warnings(action("maintenance set"), nodes, able), []);
});

test("a request names nodes by range, and those whose names mean something there by UUID", () => {
  assert.deepEqual(named([node("r1n01"), node("r1n02")]), ["r1n[01-02]"]);
  assert.deepEqual(named([node("a,b")]), [uuidOf("a,b")]);
});

test("no text of a request is longer than the API takes, whatever the names", () => {
  const long = Array.from({ length: 2000 }, (_, place) => node(`${"x".repeat(240)}${place ** 2}`));
  for (const text of named(long)) assert.ok(text.length <= 65_536);
});

test("names go with what says which machines had them, in whatever order", () => {
  const [one, other] = [{ uuid: "f0000000-0000-4000-8000-000000000001" },
    { uuid: "0f000000-0000-4000-8000-000000000010" }];
  assert.equal(xored(/** @type {any} */ ([one])), "f0000000000040008000000000000001");
  assert.equal(xored(/** @type {any} */ ([one, other])), "ff000000000000000000000000000011");
  assert.equal(xored(/** @type {any} */ ([other, one, other])), xored(/** @type {any} */ ([one])));
});

test("a request for 100,000 nodes fits into a body", () => {
  const names = Array.from({ length: 100_000 }, (_, at) => `r${1 + Math.floor(at / 48)}n${at % 48}`);
  const nodes = names.map((name, at) => node(name, { uuid: uuidOf(String(at)) }));
  const [, , request] = requestOf(action("power off"), nodes, ANSWER);
  assert.ok(JSON.stringify(request?.body).length < 2 ** 19);
});

test("what is asked for is sent, and nothing else", () => {
  const nodes = [node("r1n01")];
  const answer = { reason: "why", option: true, given: {}, confirmed: true, key: "k" };
  assert.deepEqual(requestOf(action("soft power off"), nodes, answer), [
    "POST", "podium/v1/operations",
    { key: "k", seconds: 60, body: { action: "soft power off", nodes: ["r1n01"], uuids_xor: xored(nodes),
      reason: "why", then_off: true, confirmed: true } },
  ]);
  assert.deepEqual(requestOf(action("maintenance unset"), nodes, ANSWER), [
    "PUT", "podium/v1/nodes/maintenance",
    { key: "k", seconds: 60, body: { maintenance: false, nodes: ["r1n01"], uuids_xor: xored(nodes) } },
  ]);
});

test("what is chosen in the question goes with the request", () => {
  /** @param {any} asked @param {Record<string, string>} given @param {object} expected */
  const sends = (asked, given, expected) => {
    const [, , request] = requestOf(asked, [node("r1n01")], { ...ANSWER, given });
    assert.deepEqual({ .../** @type {any} */ (request?.body), nodes: [], uuids_xor: "" },
      { ...expected, nodes: [], uuids_xor: "" });
  };
  const boot = action("set boot device");
  sends(boot, { device: "pxe", for: "every boot", mode: "uefi" },
    { action: "set boot device", boot: { device: "pxe", persistent: true, mode: "uefi" } });
  sends(boot, { device: "disk", for: "the next boot", mode: "as it is" },
    { action: "set boot device", boot: { device: "disk", persistent: false, mode: null } });
  for (const name of ["power on", "rebooting", "soft rebooting", "power cycle"]) {
    sends(action(name), { boot_once_from: "pxe", mode: "bios" },
      { action: name, boot: { device: "pxe", persistent: false, mode: "bios" } });
    sends(action(name), { boot_once_from: "as it is", mode: "uefi" }, { action: name });
    sends(action(name), {}, { action: name });  // of a driver without boot devices
  }
  for (const [blink, seconds] of Object.entries({
    "for a minute": 60, "until it is ended": null, "no longer": 0,
  })) {
    sends(action("identify"), { blink }, { action: "identify", identification: { seconds } });
  }
  const own = ownAction({ name: "acme.blink", help: "Blink", arguments: [{ name: "colour" }] });
  sends(own, { colour: "red", times: "" },
    { action: "driver action", own: { name: "acme.blink", arguments: { colour: "red" } } });
});

test("refusals for the same reason share a line", () => {
  const refused = ["r1n01: it is protected: yes", "r1n02: it is protected: yes", "r1n03: it is gone"];
  const found = { operation: 7, requested: 2, replaced: 1, refused, warnings: ["no conductor"] };
  assert.deepEqual(outcomeOf(action("power on"), found), {
    text: "2 requested; 1 replaced an earlier request", operation: 7,
    lines: ["r1n[01-02]: it is protected: yes", "r1n03: it is gone", "no conductor"],
  });
  const none = { operation: null, requested: 0, replaced: 0, refused, warnings: [] };
  assert.equal(outcomeOf(action("power on"), none).text, "nothing was requested");
  assert.equal(outcomeOf(action("maintenance set"), { changed: 2, unchanged: 1 }).text,
    "2 in maintenance, 1 already");
});
