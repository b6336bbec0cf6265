// What the text of the filter means: conditions as `--where` has them, or names, ranges and patterns as
// commands take them, in which a plain word is a part of a name.

import { folded } from '../core/racks.js';
import { ENTRIES, FIELDS, find } from './fields.js';
import { columns, compiled, fitting } from './matching.js';
import { Fault, parse } from './parsing.js';
import { expand, isRange } from './ranges.js';

/** @typedef {Iterable<{name: string, uuid: string}>} Named */
/**
 * What a filter means; one of names says too what of it is of none of some nodes, '' for nothing.
 * @typedef {{fits: import('./matching.js').Test, columns: readonly string[],
 *   missing?: (nodes: Named) => string}} Filter
 */

/** Characters of the longest text that the server reads. */
const LONGEST = 2000;
/** Patterns at the most: each is tried on the name of every node. */
const MOST_PATTERNS = 128;

const GROUPS = 'Groups such as @rack:r1 are of the command; here extra.rack=r1 chooses nodes';

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
  if (!isCondition(text)) return named(text);
  const tree = parse(text);
  return { fits: compiled(tree), columns: columns(tree) };
}

/** What to say of a text that is of no node: how a condition looks that may be meant. @param {string} text */
export function unmatched(text) {
  const given = text.trim().toLowerCase();
  const field = [...FIELDS.values()].find(({ words }) => words.has(given));
  const example = field ? `${field.name}=${/\s/.test(given) ? `"${given}"` : given}` : 'power_state=off';
  return `No node has ${text.trim().slice(0, 80)} in its name; conditions look like ${example}`;
}

/** @param {string} text @returns {Filter} */
function named(text) {
  const names = new Set();
  /** @type {{text: string, pattern: RegExp}[]} */
  const patterns = [];
  for (const { 0: word, index: start } of text.matchAll(/(?:\[[^[\]]*\]|\s*,\s*|\S)+/gu)) {
    if (word.startsWith('@')) throw new Error(GROUPS);
    const given = isRange(word) ? expand(word) : [word];
    for (const one of given) {
      if (/[*?]/.test(one)) patterns.push({ text: one, pattern: fitting(one) });
      else if (isRange(word)) names.add(one);
      else patterns.push({ text: one, pattern: fitting(`*${one}*`, 'sui') });
      if (patterns.length > MOST_PATTERNS) break;
    }
    const isTooMuch = !given.length || patterns.length > MOST_PATTERNS;
    if (isTooMuch) throw new Fault({ start, end: start + word.length });
  }
  return {
    fits: ({ name, uuid }) => names.has(name) || names.has(uuid)
      || patterns.some(({ text: word, pattern }) => pattern.test(name) || word === uuid),
    columns: [],
    missing(nodes) {
      const rest = new Set(names);
      let left = patterns;
      for (const { name, uuid } of nodes) {
        if (!rest.size && !left.length) break;
        rest.delete(name);
        rest.delete(uuid);
        if (left.length) left = left.filter((one) => !one.pattern.test(name) && one.text !== uuid);
      }
      return folded([...left.map((one) => one.text), ...rest]);
    },
  };
}
