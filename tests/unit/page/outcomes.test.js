import assert from "node:assert/strict";
import { test } from "node:test";

import { Outcomes, outcomeOf } from "../../../api/page/site/operations/outcomes.js";

const request = {
  node_name: "r1n01", action: "power off", state: "done", power_state: "power off", error: null,
};

/** @param {object[]} requests each what is different in it @returns {Promise<string[]>} */
async function lines(requests) {
  const outcomes = new Outcomes();
  for (const one of requests) outcomes.add([{ ...request, ...one }]);
  return (await outcomes.results()).map(({ nodes, outcome }) => `${nodes}: ${outcome}`);
}

test("a result is in the words of the command line", () => {
  const said = [
    [{}, "power off"],
    [{ state: "waiting" }, "not begun yet"],
    [{ state: "held" }, "waits for canaries"],
    [{ state: "begun" }, "under way"],
    [{ state: "replaced" }, "replaced by a newer request"],
    [{ state: "cancelled", error: "cancelled by ada@desk" }, "cancelled by ada@desk"],
    [{ state: "failed", error: "BMC refused it" }, "failed: BMC refused it"],
    [{ action: "inject nmi", power_state: null }, "inject nmi accepted"],
    [{ action: "set boot device", power_state: null, result: "pxe, once" }, "pxe, once"],
    [{ action: "driver action", power_state: null, result: null }, "driver action accepted"],
    [{ action: "rebooting", result: "boot device pxe, once" }, "power off, boot device pxe, once"],
    [{ action: "change credentials", power_state: null }, "credentials changed"],
  ];
  for (const [one, words] of /** @type {[object, string][]} */ (said)) {
    assert.equal(outcomeOf({ ...request, ...one }), words);
  }
});

test("nodes that fared alike share a line, and those to look at come first", async () => {
  assert.deepEqual(await lines([
    { node_name: "r1n01" },
    { node_name: "r1n02", state: "failed", error: "no power" },
    { node_name: "r1n03" },
    { node_name: "r1n04", state: "waiting" },
  ]), ["r1n02: failed: no power", "r1n04: not begun yet", "r1n[01,03]: power off"]);
});

test("failures that differ only in the address of a BMC are one", async () => {
  const failed = (/** @type {string} */ name, /** @type {string} */ error) => (
    { node_name: name, state: "failed", error });
  assert.deepEqual(await lines([
    failed("r1n01", "BMC 10.0.0.1:623 does not answer"),
    failed("r1n02", "BMC 10.0.0.2:623 does not answer"),
    failed("r1n03", "10.0.0.3: no route"),
    failed("r1n04", "10.0.0.4: no route"),
  ]), ["r1n[01-02]: failed: BMC does not answer", "r1n[03-04]: failed: BMC: no route"]);
});

test("the address of one BMC alone is named", async () => {
  assert.deepEqual(await lines([{ state: "failed", error: "BMC 10.0.0.1 refused it" }]),
    ["r1n01: failed: BMC 10.0.0.1 refused it"]);
});

test("of very many nodes the first are named", async () => {
  const many = Array.from({ length: 20_001 }, (_, place) => ({ node_name: `n${place}` }));
  assert.deepEqual(await lines(many), ["n[0-19999]…: power off"]);
  const odd = Array.from({ length: 3000 }, (_, place) => ({ node_name: `name-${place ** 2}-of-a-node` }));
  assert.match((await lines(odd))[0], /^.{2000}…: power off$/);
});
