import assert from 'node:assert/strict';
import { test } from 'node:test';

import { layOut } from '../../../api/page/site/fleet/layout.js';

const screen = { width: 800, height: 600, unit: 1, smallest: 2, largest: 44 };

/** @param {number} number @param {number} count */
function racks(number, count) {
  return Array.from({ length: number }, (_, index) => ({ name: `r${index + 1}`, count }));
}

/** @typedef {import('../../../api/page/site/fleet/layout.js').Layout} Layout */
/** @param {Layout} layout */
const rightmost = (layout) => layout.x.reduce((most, x) => Math.max(most, x), 0) + layout.size;
/** @param {Layout} layout */
const shelves = (layout) => layout.x.filter((x, place) => !place || x < layout.x[place - 1]).length;

/** @param {Layout} layout */
function checkEachCell(layout) {
  const taken = new Set();
  for (let index = 0; index < layout.count; index++) {
    const [x, y] = [layout.x[index], layout.y[index]];
    const far = layout.size - 1;
    assert.equal(layout.at(x, y), index);
    assert.equal(layout.at(x + far, y + far), index);
    taken.add(`${x} ${y}`);
  }
  assert.equal(taken.size, layout.count);
}

test('each node has a cell of its own, and its cell leads back to it', () => {
  checkEachCell(layOut([{ name: 'a', count: 3 }, { name: 'b', count: 41 }, { name: 'c', count: 1 }], screen));
  checkEachCell(layOut(racks(125, 40), screen));
  checkEachCell(layOut(racks(300, 1), screen));
  checkEachCell(layOut([{ name: 'one', count: 7000 }], screen));
});

test('all cells lie within the width, and within the height where they fit', () => {
  for (const shown of [racks(2, 24), racks(125, 40), [{ name: 'all', count: 48 }], racks(1200, 40)]) {
    const layout = layOut(shown, screen);
    assert.ok(rightmost(layout) <= screen.width);
    assert.ok(layout.height <= screen.height);
  }
});

test('a hundred thousand nodes fit on one screen', () => {
  const layout = layOut(racks(2500, 40), { ...screen, width: 860, height: 700 });
  assert.equal(layout.count, 100_000);
  assert.ok(layout.height <= 700, `${layout.height}`);
});

test('what does not fit is higher than the screen, with the smallest cells', () => {
  const layout = layOut(racks(2500, 40), { ...screen, width: 330, height: 400, smallest: 6 });
  assert.equal(layout.size, 6);
  assert.ok(layout.height > 400);
  assert.ok(rightmost(layout) <= 330);
});

test('the names of racks are above them where they fit, else beside shelves, each apart', () => {
  const large = layOut(racks(125, 40), screen);
  const names = racks(125, 40).map((rack) => rack.name);
  assert.deepEqual(large.labels.map((label) => label.text), names);
  const small = layOut(racks(2500, 40), { ...screen, width: 860, height: 700 });
  assert.ok(small.labels.length > 20);
  small.labels.slice(1).forEach((label, index) => assert.ok(label.y - small.labels[index].y >= 14));
  assert.ok(small.x.every((x) => x >= small.margin));
});

test('a rack that is longer than a shelf goes on on the next', () => {
  const layout = layOut([{ name: 'all', count: 5000 }], screen);
  assert.ok(shelves(layout) > 1);
  assert.equal(layout.labels.length, 1);
});

test('a rack is not broken in two where its cells can be large all the same', () => {
  const layout = layOut(racks(2, 40), { ...screen, width: 330 });
  assert.equal(shelves(layout), 2);
  assert.ok(layout.size > 30);
});

test('there is no node beside the cells', () => {
  const layout = layOut([{ name: 'a', count: 3 }], screen);
  assert.equal(layout.at(-1, 5), -1);
  assert.equal(layout.at(5, -1), -1);
  assert.equal(layout.at(layout.size * 3 + 20, layout.y[0] + 1), -1);
  assert.equal(layout.at(5, layout.height + 5), -1);
  const small = layOut(racks(2500, 40), { ...screen, width: 860, height: 700 });
  assert.equal(small.at(2, small.y[0] + 2), -1);
});

test('without nodes there are no cells', () => {
  const layout = layOut([], screen);
  assert.equal(layout.height, 0);
  assert.equal(layout.at(5, 5), -1);
});
