import assert from "node:assert/strict";
import { test } from "node:test";

import { COLOURINGS, SHADES, age, shadeOf, stateOf } from "../../../api/page/site/core/words.js";

const NOW = Date.parse("2026-12-01T09:00:00Z");

/** @param {object} what */
function nodeWith(what) {
  return /** @type {any} */ ({
    power_state: null, health: null, power_checked_at: null, target_power_state: null, ...what,
  });
}

/** @param {import("../../../api/page/site/core/words.js").Colouring} colouring @param {object} what */
function label(colouring, what) {
  const its = shadeOf(nodeWith(what), colouring, NOW);
  return SHADES[colouring].find(({ key }) => key === its)?.label;
}

test("ages are in the words of the command line", () => {
  const seconds = [0, 12, 119.9, 120, 7199, 7200, 172_799, 172_800, 90 * 86_400, -5, -121];
  assert.deepEqual(seconds.map((one) => age(one * 1000)), [
    "0 s ago", "12 s ago", "119 s ago", "2 min ago", "119 min ago", "2 h ago", "47 h ago", "2 d ago",
    "90 d ago", "in 5 s", "in 3 min",
  ]);
});

test("a node that was never read has no known state", () => {
  assert.deepEqual(
    ["power on", "power off", "error", null].map((state) => stateOf(nodeWith({ power_state: state }))),
    ["power on", "power off", "error", "unknown"],
  );
});

test("a node has the shade of what is known of it", () => {
  assert.equal(label("power", { power_state: "power off" }), "power off");
  assert.equal(label("power", {}), "unknown");
  assert.equal(label("health", { health: { status: "Critical", reasons: [] } }), "Critical");
  assert.equal(label("health", {}), "unknown");
  assert.equal(label("under way", { target_power_state: "soft rebooting" }), "rebooting");
  assert.equal(label("under way", { target_power_state: "change credentials" }), "another change");
  assert.equal(label("under way", {}), "nothing under way");
});

test("a node grows old", () => {
  const ages = [0, 120, 121, 600, 601, 3600, 3601].map((seconds) =>
    shadeOf(nodeWith({ power_checked_at: NOW - seconds * 1000 }), "age", NOW));
  assert.deepEqual(ages, ["fresh", "fresh", "minutes", "minutes", "hour", "hour", "old"]);
  assert.equal(label("age", {}), "never read");
});

test("every shade is in the legend of its colouring, under a name of its own", () => {
  for (const colouring of COLOURINGS) {
    const keys = SHADES[colouring].map((one) => one.key);
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(label(colouring, {}));
  }
});
