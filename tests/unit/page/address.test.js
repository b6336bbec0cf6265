import assert from "node:assert/strict";
import { test } from "node:test";

import { link, parse } from "../../../api/page/site/core/address.js";

test("an empty address is the fleet", () => {
  for (const hash of ["", "#", "#/"]) assert.deepEqual(parse(hash), { view: "fleet", name: "", query: {} });
});

test("what a link says is what is read from it", () => {
  const query = { where: 'extra.rack=r1 and last_error ~ "*50 % & more*"', colour: "under way" };
  for (const name of ["r1n07", "odd/name?#%&ä"]) {
    assert.deepEqual(parse(link("nodes", name, query)), { view: "nodes", name, query });
  }
});

test("what is missing is not in the address", () => {
  assert.equal(link("fleet", "", { where: "", colour: null, sort: undefined, page: 2 }), "#/fleet?page=2");
  assert.equal(link("operations", 12), "#/operations/12");
});

test("an address that somebody typed wrongly is read as it stands", () => {
  assert.deepEqual(parse("#/nodes/100%?where=%"), { view: "nodes", name: "100%", query: { where: "%" } });
});

test("a link that is too long for every view is not read to its end", () => {
  const { where } = parse(`#/fleet?where=a${"+".repeat(100_000)}b`).query;
  assert.deepEqual([where.length, where.trim()], [2001, "a"]);
});
