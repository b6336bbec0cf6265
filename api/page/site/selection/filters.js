// What the text of the filter means: conditions as `--where` has them, or names, ranges and patterns as
// commands take them, in which a plain word is a part of a name.

import { ENTRIES, find } from './fields.js';
import { columns, compiled, fitting } from './matching.js';
import { Fault, parse } from './parsing.js';
import { expand, isRange } from './ranges.js';

/** @typedef {{fits: import('./matching.js').Test, columns: readonly string[]}} Filter */

/** Characters of the longest text that the server reads. */
const LONGEST = 2000;
/** Patterns at the most: each is tried on the name of every node. */
const MOST_PATTERNS = 128;

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
 * @throws {Error} where it is longer than anybody reads
 */
export function understood(text) {
  if (text.length > LONGEST) throw new Error(`A filter has at most ${LONGEST} characters`);
  if (!text.trim()) return null;
  if (!isCondition(text)) return { fits: named(text), columns: [] };
  const tree = parse(text);
  return { fits: compiled(tree), columns: columns(tree) };
}

/** @param {string} text @returns {import('./matching.js').Test} */
function named(text) {
  const names = new Set();
  /** @type {RegExp[]} */
  const patterns = [];
  for (const { 0: word, index: start } of text.matchAll(/(?:\[[^[\]]*\]|\s*,\s*|\S)+/gu)) {
    const given = isRange(word) ? expand(word) : [word];
    for (const one of given) {
      if (/[*?]/.test(one)) patterns.push(fitting(one));
      else names.add(one);
      if (one === word && names.has(one)) patterns.push(fitting(`*${one}*`, 'sui'));
      if (patterns.length > MOST_PATTERNS) break;
    }
    const isTooMuch = !given.length || patterns.length > MOST_PATTERNS;
    if (isTooMuch) throw new Fault({ start, end: start + word.length });
  }
  return ({ name, uuid }) => names.has(name) || names.has(uuid) || patterns.some((one) => one.test(name));
}
