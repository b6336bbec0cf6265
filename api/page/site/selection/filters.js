// What the text of the filter means: conditions as `--where` has them, or names, ranges and patterns as
// commands take them, in which a plain word is a part of a name.

import { ENTRIES, find } from './fields.js';
import { fitting } from './matching.js';
import { Fault, parse } from './parsing.js';
import { expand, isRange } from './ranges.js';

/**
 * What a filter means.
 * @typedef {{fits: import('./matching.js').Test, columns: readonly string[], isOfNames?: boolean}} Filter
 */

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
  return isCondition(text) ? parse(text) : named(text);
}

/** @param {string} text @returns {Filter} */
function named(text) {
  const names = new Set();
  /** @type {string[]} */
  const texts = [];
  for (const [word] of text.matchAll(/(?:\[[^[\]]*\]|\s*,\s*|\S)+/gu)) {
    const given = isRange(word) ? expand(word) : [word];
    for (const one of given) {
      if (isRange(word) && !/[*?]/.test(one)) names.add(one);
      else texts.push(one);
    }
    if (!given.length || texts.length > MOST_PATTERNS) throw new Fault(word);
  }
  const patterns = texts.map((one) => (/[*?]/.test(one) ? fitting(one) : fitting(`*${one}*`, 'sui')));
  return {
    fits: ({ name, uuid }) => names.has(name) || names.has(uuid) || texts.includes(uuid)
      || patterns.some((pattern) => pattern.test(name)),
    columns: [],
    isOfNames: true,
  };
}
