import assert from "node:assert/strict";
import { test } from "node:test";

import { folded, natural, rackOf } from "../../../api/page/site/core/names.js";

test("the rack is the one that is noted", () => {
  assert.equal(rackOf({ name: "r1n01", "extra.rack": "B7" }), "B7");
  assert.equal(rackOf({ name: "r1n01", "extra.rack": 7 }), "7");
});

test("without a note the name says the rack", () => {
  const racks = {
    r1n01: "r1", "rack3-node12": "rack3", "compute-0-12": "compute-0", web1: "web", n7: "n", gateway: "",
    "12": "",
    "gpu-node-with-8-cards-slot-10.example.org": "gpu-node-with-8-cards",
  };
  assert.deepEqual(Object.keys(racks).map((name) => rackOf({ name })), Object.values(racks));
  assert.equal(rackOf({ name: "r1n01", "extra.rack": null }), "r1");
});

test("names are folded as the command line does", () => {
  assert.equal(folded(["r1n02", "r1n01", "r1n03", "r1n05"]), "r1n[01-03,05]");
  assert.equal(folded(["r2n1", "r1n1", "r1n2", "r2n2"]), "r[1-2]n[1-2]");
  assert.equal(folded(["n9", "n10", "n08", "n099"]), "n[9,08,10,099]");
  assert.equal(folded(["n10", "odd name", "n2", "web", "n2"]), "n[2,10],web,odd name");
  assert.equal(folded(["n9007199254740993", "n9007199254740992"]), "n9007199254740993,n9007199254740992");
  assert.equal(folded([]), "");
});

test("100,000 names are folded at once", () => {
  const names = Array.from({ length: 100_000 }, (_, at) => `r${at % 1000}n${Math.floor(at / 1000)}`);
  assert.equal(folded(names), "r[0-999]n[0-99]");
});

test("names are in natural order", () => {
  const names = ["n10", "n2", "n02", "N1", "r1n01", "a"];
  names.sort((one, other) => (natural(one) < natural(other) ? -1 : 1));
  assert.deepEqual(names, ["N1", "a", "n02", "n2", "n10", "r1n01"]);
});
