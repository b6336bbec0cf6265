import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';

import { Api } from './api_of_tests.js';
import { isPlain, plain, read } from '../../../api/page/site/selection/filters.js';
import { fitting } from '../../../api/page/site/selection/matching.js';

// Which nodes the server's conditions choose: tests/unit/client/test_selection_vectors.py.
const vectors = JSON.parse(readFileSync(new URL('../../selection_vectors.json', import.meta.url), 'utf8'));

const PATH = '/podium/v1/selection/query';
const NODES = ['r1n1', 'r1n2', 'r1n10', 'r2n1', 'GPU-7'].map((name) => ({ name, uuid: `of-${name}` }));
const { signal } = new AbortController();
/** @type {Api} */
let api;

beforeEach(async () => { api = await new Api().start(); });
afterEach(() => api.kill());

/** @param {object} answer of the server to what it is asked to read */
function says(answer) {
  api.paths[PATH] = (_request, response) => response.end(JSON.stringify(answer));
}

/** @param {import('../../../api/page/site/selection/filters.js').Filter | null} filter */
const chosen = (filter) => NODES.filter((node) => !filter || filter.fits(node, 0)).map(({ name }) => name);

test('plain words are parts of names and patterns fit them, and nobody is asked', () => {
  assert.deepEqual(chosen(plain('r1n? gpu')), ['r1n1', 'r1n2', 'GPU-7']);
  assert.deepEqual(chosen(plain('n1')), ['r1n1', 'r1n10', 'r2n1']);
  assert.deepEqual(chosen(plain('of-r1n1')), ['r1n1']);
  assert.deepEqual(chosen(plain('absent')), []);
  assert.equal(plain('  '), null);
  assert.equal(api.asked.length, 0);
});

test('ranges are read by the server, and stand for whole names', async () => {
  says({ fault: null, names: ['r1n1', 'r2n*'], conditions: null, columns: [], changes: false });
  assert.deepEqual(chosen(await read('r1n[1, 1],r2n* gpu', signal)), ['r1n1', 'r2n1', 'GPU-7']);
  assert.deepEqual(api.asked[0].body, { nodes: ['r1n[1, 1],r2n*'] });
});

test('conditions are read by the server', async () => {
  const conditions = { is: 'comparison', column: 'name', reading: 'plain', operator: '~', values: ['r2*'] };
  says({ fault: null, names: [], conditions, columns: ['name'], changes: false });
  const filter = await read('name~r2*', signal);
  assert.deepEqual([chosen(filter), filter?.columns], [['r2n1'], ['name']]);
  assert.deepEqual(api.asked[0].body, { where: 'name~r2*' });
});

test('a fault is in the words of the server, for somebody who sees the page', async () => {
  says({ fault: 'where: there is no field a; --where help lists the fields\n  a=b\n  ^' });
  const message = 'there is no field a; the help lists the fields\n  a=b\n  ^';
  await assert.rejects(read('a=b', signal), { message });
});

test('a text is read by the server as soon as it may be more than words', () => {
  const others = ['failing', 'not x', 'Maintenance', 'r1 and r2', 'age>5', '"a"', 'r[1-2]', 'r1,r2'];
  for (const text of others) assert.ok(!isPlain(text), text);
  for (const { text } of vectors.where) assert.ok(!isPlain(text), text);
  const plains = ['r1n01', 'and', 'r2*', 'own', 'gpu rack', 'failing-7', ' '];
  for (const text of plains) assert.ok(isPlain(text), text);
});

test('no more is tried on every name than that is quick', () => {
  assert.throws(() => plain('a* '.repeat(200)), /at most 128 words/);
});

test('a text that is longer than the server reads is refused before anybody tries to understand it', () => {
  for (const text of [`a${' '.repeat(1_000_000)}b`, `name=${'a'.repeat(2000)}`]) {
    assert.ok(isPlain(text));
    assert.throws(() => plain(text), /at most 2000 characters/);
  }
});

test('a pattern with many stars is tried in little time', () => {
  const pattern = fitting(`${'*a'.repeat(50)}*b`);
  assert.ok(!pattern.test('a'.repeat(20_000)));
  assert.ok(pattern.test(`${'a'.repeat(60)}b`));
});
