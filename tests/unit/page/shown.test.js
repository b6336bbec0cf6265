import assert from 'node:assert/strict';
import { test } from 'node:test';

import './api_of_tests.js';
import { Shown } from '../../../api/page/site/selection/shown.js';

const NOW = Date.parse('2026-11-30T12:00:00Z');

/** As much of a fleet as a filter looks at. */
class Nodes extends EventTarget {
  /** @type {Map<string, any>} */
  nodes = new Map();
  /** @type {any[]} */
  ordered = [];
  /** @type {string[]} */
  needed = [];
  answer = Promise.resolve();

  /** @param {...object} nodes */
  add(...nodes) {
    for (const node of nodes) this.nodes.set(/** @type {any} */ (node).uuid, node);
    this.ordered = [...this.nodes.values()];
    this.tell(nodes, true);
  }

  /** @param {any} node */
  remove(node) {
    this.nodes.delete(node.uuid);
    this.ordered = [...this.nodes.values()];
    this.tell([node], true);
  }

  /** @param {object[]} nodes @param {boolean} order */
  tell(nodes, order = false) {
    this.dispatchEvent(new CustomEvent('change', { detail: { nodes: new Set(nodes), order } }));
  }

  /** @param {string[]} columns */
  lacks(columns) { return columns.some((one) => /description|,/.test(one) && !this.needed.includes(one)); }

  /** @param {string[]} columns */
  async need(columns) {
    await this.answer;
    this.needed.push(...columns);
  }

  now() {
    return NOW;
  }
}

/** @param {string} name @param {string | null} state */
function node(name, state = 'power on') {
  return { uuid: `uuid of ${name}`, name, power_state: state, power_checked_at: NOW, description: null };
}

/** @param {...object} nodes */
function made(...nodes) {
  const fleet = new Nodes();
  fleet.add(...nodes);
  const shown = new Shown(/** @type {any} */ (fleet));
  /** @type {boolean[]} */
  const orders = [];
  fleet.tell(nodes, true);
  shown.addEventListener('change', (event) => orders.push(/** @type {CustomEvent} */ (event).detail.order));
  return { fleet, shown, orders, names: () => shown.nodes.map(({ name }) => name) };
}

test('without a filter all nodes are shown, also those that come later', () => {
  const { fleet, names } = made(node('n1'), node('n2'));
  assert.deepEqual(names(), ['n1', 'n2']);
  fleet.add(node('n3'));
  assert.deepEqual(names(), ['n1', 'n2', 'n3']);
});

test('a node comes and goes with what changes about it', () => {
  const [one, other] = [node('n1', 'power off'), node('n2')];
  const { fleet, shown, orders, names } = made(one, other);
  shown.filter = 'power_state=off';
  assert.deepEqual(names(), ['n1']);
  other.power_state = 'power off';
  fleet.tell([other]);
  assert.deepEqual(names(), ['n1', 'n2']);
  one.power_state = null;
  fleet.tell([one]);
  assert.deepEqual(names(), ['n2']);
  const count = orders.length;
  fleet.tell([one]);
  assert.equal(orders.length, count, 'nobody is disturbed where nothing is different');
  fleet.remove(other);
  assert.deepEqual(names(), []);
});

test('those of the last filter stay while one is wrong', () => {
  const { shown, names } = made(node('n1'), node('n2', 'power off'));
  shown.filter = 'power_state=off';
  shown.filter = 'power_state=off and colour=red';
  assert.deepEqual(names(), ['n2']);
  assert.ok(!shown.isInForce);
  shown.filter = 'power_state=on';
  assert.equal(shown.fault, null);
  assert.deepEqual(names(), ['n1']);
});

test('those of the last filter stay until what the next one looks at is there', async () => {
  const one = node('n1');
  const { fleet, shown, names } = made(one, node('n2'));
  shown.filter = 'n2';
  shown.filter = 'description=loud';
  assert.ok(shown.isWaiting);
  assert.deepEqual(names(), ['n2']);
  Object.assign(one, { description: 'loud' });
  await fleet.answer;
  await new Promise((resolve) => { setTimeout(() => resolve(undefined)); });
  assert.ok(!shown.isWaiting);
  assert.deepEqual(names(), ['n1']);
  shown.filter = 'description!=loud';
  assert.deepEqual(names(), ['n2'], 'and it is there from then on');
});

test('what comes too late for a filter that was replaced changes nothing', async () => {
  const { fleet, shown, names } = made(node('n1'), node('n2'));
  let come = () => {};
  fleet.answer = new Promise((resolve) => { come = () => resolve(undefined); });
  shown.filter = 'description=loud';
  shown.filter = 'n2';
  come();
  await fleet.answer;
  await new Promise((resolve) => { setTimeout(() => resolve(undefined)); });
  assert.deepEqual(names(), ['n2']);
  assert.ok(!shown.isWaiting);
});

test('a column that cannot be had is a fault, in the words of who refuses it', async () => {
  const { fleet, shown, names } = made(node('n1'), node('n2'));
  fleet.answer = Promise.reject(new Error('nodes have no field description'));
  shown.filter = 'description=loud';
  await fleet.answer.catch(() => undefined);
  await new Promise((resolve) => { setTimeout(() => resolve(undefined)); });
  assert.equal(shown.fault, 'nodes have no field description');
  assert.deepEqual(names(), ['n1', 'n2']);
});

test('a key that cannot be asked for is refused', async () => {
  const { fleet, shown } = made(node('n1'));
  shown.filter = 'extra."a,name"=x';
  await new Promise((resolve) => { setTimeout(() => resolve(undefined)); });
  assert.match(shown.fault ?? '', /comma/);
  assert.deepEqual(fleet.needed, []);
});

test('a name that no node has hides nothing, until there is such a node', () => {
  const { fleet, shown, names } = made(node('n1'), node('n2'));
  shown.filter = 'n2';
  shown.filter = 'gpu';
  assert.deepEqual(names(), ['n2']);
  assert.match(shown.fault ?? '', /No node has gpu in its name/);
  assert.ok(!shown.isInForce);
  fleet.add(node('gpu1'));
  assert.deepEqual(names(), ['gpu1']);
  assert.ok(shown.isInForce);
});
