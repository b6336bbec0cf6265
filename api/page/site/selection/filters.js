// What the text of the filter means: conditions as `--where` has them, or names, ranges and patterns as
// commands take them, in which a plain word is a part of a name.

import { ENTRIES, find } from './fields.js';
import { columns, compiled, fitting } from './matching.js';
import { Fault, conditions, parse } from './parsing.js';
import { expand, isRange } from './ranges.js';

/**
 * @typedef {object} Filter
 * @property {import('./matching.js').Test} fits
 * @property {readonly string[]} columns of the nodes, that it looks at
 * @property {boolean} hasEntries whether the server has a say in what it may look at
 * @property {boolean} hasAges whether it depends on when nodes were read, and time alone changes it
 * @property {boolean} hasOthers whether it depends on what belongs to no node; see World
 */

/** Whether a text is a condition, and not names. @param {string} text */
export function isCondition(text) {
  if (/[=<>~!()"']/.test(text)) return true;
  const [first = '', ...words] = text.trim().toLowerCase().split(/\s+/);
  const isField = find(first) !== undefined || ENTRIES.has(first.replace(/\..*/, ''));
  return isField || first === 'not' || words.includes('and') || words.includes('or');
}

/**
 * Return what the text of the filter means.
 *
 * @param {string} text
 * @returns {Filter | null} null for all nodes
 * @throws {Fault}
 */
export function understood(text) {
  if (!text.trim()) return null;
  const plain = { columns: [], hasEntries: false, hasAges: false, hasOthers: false };
  if (!isCondition(text)) return { ...plain, fits: named(text) };
  const tree = parse(text);
  const fields = [...conditions(tree)].map(({ field }) => field);
  return {
    fits: compiled(tree),
    columns: columns(tree),
    hasEntries: fields.some(({ kind }) => kind === 'entry'),
    hasAges: fields.some(({ kind }) => kind === 'age' || kind === 'stale'),
    hasOthers: fields.some(({ name }) => name === 'failing' || name === 'would_enforce'),
  };
}

/** @param {string} text @returns {import('./matching.js').Test} */
function named(text) {
  const names = new Set();
  const patterns = new Set();
  const pieces = new Set();
  for (const { 0: word, index: start } of text.matchAll(/(?:\[[^[\]]*\]|\s*,\s*|\S)+/gu)) {
    const range = isRange(word);
    const given = range ? expand(word) : [word];
    if (!given) throw new Fault({ start, end: start + word.length }, true);
    for (const one of given) {
      if (/[*?]/.test(one)) patterns.add(one);
      else (range ? names : pieces).add(range ? one : one.toLowerCase());
    }
  }
  const fits = [...patterns].map(fitting);
  const parts = [...pieces];
  return ({ name, uuid }) => {
    const lower = parts.length ? name.toLowerCase() : '';
    const isFound = names.has(name) || names.has(uuid) || parts.some((one) => lower.includes(one));
    return isFound || pieces.has(uuid) || fits.some((one) => one.test(name));
  };
}
