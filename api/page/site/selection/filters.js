// The meaning of the filter's text: conditions as in `--where`, or names, ranges and patterns as in commands,
// where a plain word is a part of a name. The server parses everything but words and patterns.

import { ask } from '../core/api.js';
import { pause } from '../core/waiting.js';
import { fitting, met } from './matching.js';

/**
 * A parsed filter; if it `changes`, its result depends on the time.
 * @typedef {{text: string, fits: import('./matching.js').Test, columns: readonly string[], changes: boolean,
 *   isOfNames: boolean}} Filter
 */

/** The most characters that the server parses, and the most words that are tried on every name. */
const LONGEST = 2000;
const MOST_WORDS = 128;
/** Milliseconds without typing after which a fault is shown. */
const QUIET = 200;
const TRUTHS = 'not|failing|unhealthy|unserved|would_enforce|maintenance|retired';
const CONDITIONS = new RegExp(`[=<>~!()"']|^\\s*(${TRUTHS})(?!\\S)|\\s(and|or)\\s`, 'i');
const RANGE = /[[\],]/;
const WORDS = /(?:\[[^[\]]*\]|\s*,\s*|\S)+/gu;

/** @param {object} body @param {AbortSignal} [signal] @returns {Promise<any>} as client/calls/selection.py */
const question = (body, signal) => ask('POST', 'podium/v1/selection/query', { body, signal });

/** The fields for conditions, in lines for people. */
export async function fields() { return wordsOf(await question({ where: 'help' })); }

/** Whether a text can be parsed without the server. @param {string} text */
export const isPlain = (text) => text.length > LONGEST || !(CONDITIONS.test(text) || RANGE.test(text));

/** @param {string} text words and patterns @param {string[]} [names] @returns {Filter | null} null for all */
export function plain(text, names = []) {
  if (text.length > LONGEST) throw new Error(`A filter has at most ${LONGEST} characters`);
  const words = (text.match(WORDS) ?? []).filter((word) => !RANGE.test(word));
  if (words.length > MOST_WORDS) throw new Error(`A filter has at most ${MOST_WORDS} words`);
  const isPattern = (/** @type {string} */ one) => /[*?]/.test(one);
  const patterns = [
    ...words.map((word) => (isPattern(word) ? fitting(word) : fitting(`*${word}*`, 'sui'))),
    ...names.filter(isPattern).map((pattern) => fitting(pattern)),
  ];
  const all = new Set([...words, ...names]);
  return all.size === 0 ? null : {
    text, columns: [], changes: false, isOfNames: true,
    fits: ({ name, uuid }) => all.has(name) || all.has(uuid) || patterns.some((one) => one.test(name)),
  };
}

/**
 * Let the server parse a text. A fault is reported a little later, because people may go on typing.
 * @param {string} text @param {AbortSignal} signal @returns {Promise<Filter | null>}
 */
export async function read(text, signal) {
  const isOfNames = !CONDITIONS.test(text);
  const nodes = (text.match(WORDS) ?? []).filter((word) => RANGE.test(word));
  const answer = await question(isOfNames ? { nodes } : { where: text }, signal);
  if (answer.fault) {
    await pause(QUIET, signal);
    throw new Error(wordsOf(answer));
  }
  if (isOfNames) return plain(text, answer.names);
  return { text, fits: met(answer.conditions), columns: answer.columns, changes: answer.changes, isOfNames };
}

/** @param {{fault: string}} answer */
const wordsOf = ({ fault }) => fault.replace(/^where: /, '').replace('--where help lists', 'the help lists');
