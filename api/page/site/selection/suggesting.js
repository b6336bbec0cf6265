// How a text of the filter may go on: with fields that begin like its last word, or values of its last field.

import { ENTRIES, FIELDS, find } from './fields.js';

const MOST = 12;
/** Nodes whose values are looked at. */
const MOST_NODES = 5000;

/** @param {string} text @param {readonly Record<string, any>[]} nodes @returns {string[]} whole texts */
export function suggestions(text, nodes) {
  const [, name, begun = ''] = /([\w.]+)\s*(?:!=|==?)\s*([^\s()=<>!~,"']*)$/.exec(text) ?? [];
  if (name !== undefined) return goingOn(text, begun, valuesOf(name, nodes));
  const [word = ''] = /(?<=^|\(|\b(?:and|or|not)\s+)[a-z_]+$/.exec(text) ?? [];
  const names = [...FIELDS.keys(), ...[...ENTRIES.keys()].map((one) => `${one}.`)];
  return word ? goingOn(text, word, names) : [];
}

/** @param {string} text @param {string} begun @param {string[]} words */
function goingOn(text, begun, words) {
  const before = text.slice(0, text.length - begun.length);
  const fitting = words.filter((one) => one.startsWith(begun) && one !== begun);
  return fitting.slice(0, MOST).map((one) => before + (/[\s()=<>!~,"']/.test(one) ? `"${one}"` : one));
}

/** @param {string} name @param {readonly Record<string, any>[]} nodes */
function valuesOf(name, nodes) {
  const field = find(name);
  if (field?.kind === 'truth') return ['yes', 'no'];
  if (field?.kind === 'word') return [...Object.keys(field.words), 'none'];
  const values = nodes.slice(0, MOST_NODES).map((node) => node[name]);
  const texts = values.filter((value) => typeof value === 'string' && value.length < 80);
  const told = name === 'conductor' ? texts.map((worker) => worker.replace(/\/[^/]*$/, '')) : texts;
  return [...new Set(told)].sort();
}
