/** What a person has chosen: ranges, what stays chosen, what is forgotten. */
import assert from "node:assert/strict";
import {test} from "node:test";

import {Choice} from "../../../api/page/site/fleet/choice.js";

/** A fleet of these names; its nodes" UUIDs are `uuid of NAME`. */
class FleetOf extends EventTarget {
  constructor(/** @type {string[]} */ ...names) {
    super();
    this.ordered = names.map((name) => /** @type {any} */ ({uuid: `uuid of ${name}`, name}));
    this.nodes = new Map(this.ordered.map((node) => [node.uuid, node]));
  }

  /** @param {string} name */
  delete(name) {
    this.nodes.delete(of(name));
    this.ordered = this.ordered.filter((node) => node.name !== name);
    this.dispatchEvent(new CustomEvent("change", {detail: {nodes: new Set(), order: true}}));
  }
}

const of = (/** @type {string} */ name) => `uuid of ${name}`;
const names = (/** @type {Choice} */ choice) => choice.nodes().map((node) => node.name).join(" ");

/** @param {string[]} all */
function made(...all) {
  const fleet = /** @type {any} */ (new FleetOf(...all));
  const choice = new Choice(fleet);
  let changes = 0;
  choice.addEventListener("change", () => { changes += 1; });
  return {fleet, choice, changes: () => changes};
}

test("nodes are chosen one by one, and listed in the order of the fleet", () => {
  const {choice} = made("n1", "n2", "n10");
  choice.toggle(of("n10"));
  choice.toggle(of("n1"));
  assert.equal(names(choice), "n1 n10");
  choice.toggle(of("n10"));
  assert.equal(names(choice), "n1");
  assert.equal(choice.anchor, of("n10"));
});

test("a range goes either way from its anchor, and shrinks again", () => {
  const {choice, fleet} = made("n1", "n2", "n3", "n4", "n5");
  choice.set([of("n3")]);
  choice.range(of("n3"), of("n5"), fleet.ordered);
  assert.equal(names(choice), "n3 n4 n5");
  choice.range(of("n3"), of("n2"), fleet.ordered);
  assert.equal(names(choice), "n2 n3");
  assert.equal(choice.anchor, of("n3"));
});

test("a range is of what is shown, and can be added to what is chosen", () => {
  const {choice, fleet} = made("n1", "n2", "n3", "n4", "n5");
  const shown = fleet.ordered.filter((/** @type {any} */ node) => node.name !== "n3");
  choice.set([of("n1")]);
  choice.range(of("n2"), of("n4"), shown, true);
  assert.equal(names(choice), "n1 n2 n4");
});

test("a range from a node that is not shown is its end alone, where the next range begins", () => {
  const {choice, fleet} = made("n1", "n2", "n3");
  choice.set([of("n1")]);
  choice.range(of("n1"), of("n3"), fleet.ordered.slice(1));
  assert.equal(names(choice), "n3");
  assert.equal(choice.anchor, of("n3"));
});

test("all that is shown is added to what is chosen", () => {
  const {choice, fleet} = made("n1", "n2", "n3");
  choice.set([of("n1")]);
  choice.all(fleet.ordered.slice(1));
  assert.equal(choice.size, 3);
  choice.set([]);
  assert.equal(choice.size, 0);
});

test("a deleted node is forgotten, and the others stay chosen", () => {
  const {choice, fleet, changes} = made("n1", "n2");
  choice.all(fleet.ordered);
  fleet.delete("n1");
  assert.equal(names(choice), "n2");
  assert.equal(changes(), 2);
});

test("nothing is said where nothing changes", () => {
  const {choice, fleet, changes} = made("n1", "n2");
  choice.set([of("n1")]);
  choice.range(of("n1"), of("n1"), fleet.ordered);
  choice.all([]);
  fleet.delete("n2");
  assert.equal(changes(), 1);
});
