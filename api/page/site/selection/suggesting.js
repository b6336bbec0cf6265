// How a text of the filter may go on: with fields that begin like its last word, or words for its last field.

import { ENTRIES, FIELDS, find } from './fields.js';

const NAMES = [...FIELDS.keys(), ...[...ENTRIES.keys()].map((name) => `${name}.`)];
const MOST = 12;

/** @param {string} text @returns {string[]} whole texts */
export function suggestions(text) {
  const [, name, value = ''] = /([\w.]+)\s*(?:!=|==?)\s*([^\s()=<>!~,"']*)$/.exec(text) ?? [];
  const [word = ''] = /(?<=^|\(|\b(?:and|or|not)\s+)[a-z_]+$/.exec(text) ?? [];
  const begun = name === undefined ? word : value;
  const known = name === undefined ? NAMES : [...(find(name)?.words.keys() ?? [])];
  const fitting = known.filter((one) => (word || name) && one.startsWith(begun) && one !== begun);
  const before = text.slice(0, text.length - begun.length);
  return fitting.slice(0, MOST).map((one) => before + (one.includes(' ') ? `"${one}"` : one));
}
