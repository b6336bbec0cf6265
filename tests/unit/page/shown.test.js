import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Api, refuse, until } from './api_of_tests.js';
import { Shown } from '../../../api/page/site/selection/shown.js';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const PATH = '/podium/v1/selection/query';
/** @type {Api} */
let api;

/** @param {string} column @param {string | null} value @returns what the server says of column=value */
function equal(column, value) {
  const conditions = { is: 'comparison', column, reading: 'plain', operator: '=', values: [value] };
  return { fault: null, names: [], conditions, columns: [column], changes: false };
}

/** What the server says of texts; of all others that they are wrong. @type {Record<string, object>} */
const READ = {
  'power_state=off': equal('power_state', 'power off'),
  'power_state=on': equal('power_state', 'power on'),
  'description=loud': equal('description', 'loud'),
  'extra."a,name"=x': equal('extra.a,name', 'x'),
  'failing': { ...equal('power_state', 'error'), changes: true },
};

beforeEach(async () => {
  api = await new Api().start();
  api.paths[PATH] = (_request, response, { where }) =>
    response.end(JSON.stringify(READ[where] ?? { fault: `where: ${where} is wrong` }));
});
afterEach(() => api.kill());

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
  const stream = /** @type {any} */ (new EventTarget());
  const shown = new Shown(/** @type {any} */ (fleet), stream);
  /** @type {boolean[]} */
  const orders = [];
  fleet.tell(nodes, true);
  shown.addEventListener('change', (event) => orders.push(/** @type {CustomEvent} */ (event).detail.order));
  const filter = (/** @type {string} */ text) => {
    shown.filter = text;
    return until(`an end of ${text}`, () => shown.waiting === null);
  };
  return { fleet, stream, shown, filter, orders, names: () => shown.nodes.map(({ name }) => name) };
}

test('without a filter all nodes are shown, also those that come later', () => {
  const { fleet, names } = made(node('n1'), node('n2'));
  assert.deepEqual(names(), ['n1', 'n2']);
  fleet.add(node('n3'));
  assert.deepEqual(names(), ['n1', 'n2', 'n3']);
});

test('a node comes and goes with what changes about it', async () => {
  const [one, other] = [node('n1', 'power off'), node('n2')];
  const { fleet, filter, orders, names } = made(one, other);
  await filter('power_state=off');
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

test('those of the last filter stay while one is read, and where it is wrong', async () => {
  const { shown, filter, names } = made(node('n1'), node('n2', 'power off'));
  await filter('power_state=off');
  const read = filter('power_state=off and colour=red');
  assert.ok(!shown.isInForce);
  assert.deepEqual(names(), ['n2']);
  await read;
  assert.equal(shown.fault, 'power_state=off and colour=red is wrong');
  assert.deepEqual(names(), ['n2']);
  assert.ok(!shown.isInForce);
  await filter('power_state=on');
  assert.equal(shown.fault, null);
  assert.deepEqual(names(), ['n1']);
});

test('a word needs no answer, and what is answered to an earlier text changes nothing', async () => {
  const { shown, filter, names } = made(node('n1'), node('n2'));
  /** @type {any} */
  let later = null;
  api.paths[PATH] = (_request, response) => { later = response; };
  const read = filter('power_state=off');
  await until('a question', () => later);
  shown.filter = 'n2';
  assert.deepEqual(names(), ['n2']);
  await read;
  later.end(JSON.stringify(READ['power_state=off']));
  await filter('n');
  assert.deepEqual(names(), ['n1', 'n2']);
});

test('of texts that follow each other the last one wins, however late the others are answered', async () => {
  const { filter, names } = made(node('n1'), node('n2', 'power off'));
  const [answer, late] = [api.paths[PATH], /** @type {(() => void)[]} */ ([])];
  api.paths[PATH] = (...given) => { late.push(() => answer(...given)); };
  void filter('power_state=on');
  await until('the first question', () => late.length === 1);
  const read = filter('power_state=off');
  await until('the second question', () => late.length === 2);
  for (const go of late.reverse()) go();
  await read;
  assert.deepEqual(names(), ['n2']);
});

test('a lost connection is said, and the text is read when it is back', async () => {
  const { stream, shown, filter, names } = made(node('n1'), node('n2', 'power off'));
  api.kill();
  await filter('power_state=off');
  assert.match(shown.fault ?? '', /podium-api does not answer/);
  assert.deepEqual(names(), ['n1', 'n2']);
  await api.again();
  stream.state = 'live';
  stream.dispatchEvent(new Event('state'));
  await until('the filter', () => shown.isInForce);
  assert.deepEqual(names(), ['n2']);
});

test('a text that came when nobody was logged in is read when somebody is', async () => {
  const { stream, shown, filter } = made(node('n1', 'power off'), node('n2'));
  const answer = api.paths[PATH];
  let isSomebody = false;
  api.paths[PATH] = (request, response, body) => (
    isSomebody ? answer(request, response, body) : refuse(response, 401, 'Code', 'log in first'));
  await filter('power_state=off');
  assert.equal(shown.fault, 'log in first');
  isSomebody = true;
  stream.state = 'live';
  stream.dispatchEvent(new Event('state'));
  await until('the filter', () => shown.isInForce);
});

test('what changes by itself is read again while it is in force', async () => {
  const { filter, names } = made(node('n1', 'error'), node('n2'));
  await filter('failing');
  assert.deepEqual(names(), ['n1']);
  api.paths[PATH] = (_request, response) =>
    response.end(JSON.stringify({ ...equal('power_state', 'power on'), changes: true }));
  await until('the other node', () => names()[0] === 'n2');
  await filter('');
  assert.deepEqual(names(), ['n1', 'n2']);
});

test('those of the last filter stay until what the next one looks at is there', async () => {
  const one = node('n1');
  const { fleet, shown, filter, names } = made(one, node('n2'));
  let come = () => {};
  fleet.answer = new Promise((resolve) => { come = () => resolve(undefined); });
  await filter('n2');
  const read = filter('description=loud');
  await until('that it is said', () => shown.waiting);
  assert.deepEqual(names(), ['n2']);
  Object.assign(one, { description: 'loud' });
  come();
  await read;
  assert.deepEqual(names(), ['n1']);
});

test('what comes too late for a filter that was replaced changes nothing', async () => {
  const { fleet, shown, filter, names } = made(node('n1'), node('n2'));
  let come = () => {};
  fleet.answer = new Promise((resolve) => { come = () => resolve(undefined); });
  void filter('description=loud');
  await until('that it is said', () => shown.waiting);
  await filter('n2');
  come();
  await fleet.answer;
  await new Promise((resolve) => { setTimeout(() => resolve(undefined)); });
  assert.deepEqual(names(), ['n2']);
  assert.ok(shown.isInForce);
});

test('a column that cannot be had is a fault, in the words of who refuses it', async () => {
  const { fleet, shown, filter, names } = made(node('n1'), node('n2'));
  fleet.answer = Promise.reject(new Error('nodes have no field description'));
  fleet.answer.catch(() => undefined);
  await filter('description=loud');
  assert.equal(shown.fault, 'nodes have no field description');
  assert.deepEqual(names(), ['n1', 'n2']);
});

test('a key that cannot be asked for is refused', async () => {
  const { fleet, shown, filter } = made(node('n1'));
  await filter('extra."a,name"=x');
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
