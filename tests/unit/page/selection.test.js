import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { isCondition, understood } from '../../../api/page/site/selection/filters.js';
import { fitting } from '../../../api/page/site/selection/matching.js';
import { Fault, parse } from '../../../api/page/site/selection/parsing.js';
import { expand } from '../../../api/page/site/selection/ranges.js';

/** What the server understands in the same way: tests/unit/client/test_selection_vectors.py. */
const vectors = JSON.parse(readFileSync(new URL('../../selection_vectors.json', import.meta.url), 'utf8'));
const NOW = Date.parse('2026-11-30T12:00:00Z');
const world = { now: NOW, members: new Set(['c1/0@1']), enforcedByDefault: false };
const nodes = vectors.nodes.map(shown);

/** Return a node as the page's fleet has it. @param {Record<string, any>} given */
function shown(given) {
  const { extra = {}, properties = {}, health = null, health_lasts: lasts = Infinity, ...columns } = given;
  /** @type {Record<string, any>} */
  const node = {
    uuid: `uuid of ${given['name']}`, maintenance: false, power_failures: 0, slot: 1,
    provision_state: 'available', conductor: given['driver'] === 'fake' ? 'c1/0@1' : null,
  };
  for (const [name, value] of Object.entries(columns)) {
    const isTime = name.endsWith('_at') && value !== null;
    node[name] = isTime ? (value.ago === undefined ? Date.parse(value.at) : NOW - value.ago * 1000) : value;
  }
  const isKnown = health && !(NOW - node['health_checked_at'] > lasts * 1000);
  node['health'] = isKnown ? { status: health, reasons: [] } : null;
  for (const [key, value] of Object.entries(extra)) node[`extra.${key}`] = value;
  for (const [key, value] of Object.entries(properties)) node[`properties.${key}`] = value;
  return node;
}

/** @param {string} text @param {readonly Record<string, any>[]} [among] */
function chosen(text, among = nodes) {
  const filter = understood(text);
  return among.filter((node) => !filter || filter.fits(node, world)).map((node) => node['name']);
}


test('conditions choose the nodes that the server chooses', () => {
  for (const { text, names } of vectors.where) {
    assert.ok(isCondition(text), text);
    assert.deepEqual(chosen(text).sort(), [...names].sort(), text);
  }
});

test('a condition is wrong where the server finds it wrong', () => {
  for (const { text } of vectors.faults) assert.throws(() => parse(text), Fault, text);
});

test('ranges stand for the names for which they stand elsewhere', () => {
  for (const { text, names } of vectors.ranges) assert.deepEqual(expand(text), names, text);
});

test('a range is wrong that the server refuses', () => {
  for (const { text } of vectors['wrong ranges']) {
    assert.throws(() => understood(text), (/** @type {any} */ error) => error instanceof Fault
      && error.message === text);
  }
});

test('names are whole in ranges, fit patterns, and are found by their parts', () => {
  const some = ['r1n1', 'r1n2', 'r1n10', 'r2n1', 'GPU-7'].map((name) => ({ name, uuid: `of-${name}` }));
  assert.deepEqual(chosen('r1n[1-2]', some), ['r1n1', 'r1n2']);
  assert.deepEqual(chosen('r1n1, r2n1', some), ['r1n1', 'r2n1']);
  assert.deepEqual(chosen('r1n? gpu', some), ['r1n1', 'r1n2', 'GPU-7']);
  assert.deepEqual(chosen('n1', some), ['r1n1', 'r1n10', 'r2n1']);
  assert.deepEqual(chosen('of-r1n1', some), ['r1n1']);
  assert.deepEqual(chosen('r[1-2]n?', some), ['r1n1', 'r1n2', 'r2n1']);
  assert.deepEqual(chosen('  ', some).length, 5);
  assert.deepEqual(chosen('absent', some), []);
});

test('no more patterns are tried than the server tries', () => {
  assert.throws(() => understood('r[1-1000]n*'), Fault);
  assert.throws(() => understood('a* '.repeat(200)), Fault);
});

test('a text is a condition as soon as it begins like one', () => {
  for (const text of ['failing', 'not x', 'owner', 'r1 and r2', 'extra.rack', 'age > 5m']) {
    assert.ok(isCondition(text), text);
  }
  for (const text of ['r1n01', 'and', 'r1n[1-2],r2*', 'own', 'gpu rack']) assert.ok(!isCondition(text), text);
});

test('a pattern with many stars is tried in little time', () => {
  const pattern = fitting(`${'*a'.repeat(50)}*b`);
  assert.ok(!pattern.test('a'.repeat(20_000)));
  assert.ok(pattern.test(`${'a'.repeat(60)}b`));
});

test('an entry that the driver of a node does not know is compared with nothing', () => {
  const some = [{ name: 'a', 'driver_info.port': 5 }, { name: 'b', 'driver_info.port': null }, { name: 'c' },
    { name: 'd', 'driver_info.port': '******' }];
  assert.deepEqual(chosen('driver_info.port=5', some), ['a']);
  assert.deepEqual(chosen('driver_info.port!=5', some), ['b', 'c', 'd']);
  assert.deepEqual(chosen('driver_info.port=none', some), ['b']);
  assert.deepEqual(chosen("driver_info.port~'*'", some), []);
});

test('a filter says which columns it needs', () => {
  const filter = understood('failing or extra.zone=a and age>5m and extra.zone!=b');
  assert.deepEqual([...(filter?.columns ?? [])].sort(), [
    ...['extra.zone', 'power_checked_at', 'power_policy', 'reservation'],
  ]);
});

test('a text that is longer than the server reads is refused before anybody tries to understand it', () => {
  for (const text of [`a${' '.repeat(1_000_000)}b`, `name=${'a'.repeat(2000)}`]) {
    assert.throws(() => understood(text), /at most 2000 characters/);
  }
  assert.ok(understood(`name=${'a'.repeat(1995)}`));
});

test('nobody serves the nodes of a conductor that is not heard of', () => {
  const node = shown({ name: 'n1', driver: 'fake', power_policy: null, reservation: null });
  for (const text of ['unserved', 'failing']) {
    const filter = understood(text);
    assert.equal(filter?.fits(node, world), false);
    assert.equal(filter?.fits(node, { ...world, members: new Set() }), true);
  }
});
