// Racks of nodes, and names written as ranges, as podium.node_ranges.fold does.

import { byKey, natural } from './natural.js';

/**
 * What extra.rack of a node says, else its name up to the last number and the word before that, r1 of r1n01;
 * '' where it has no number.
 * @param {{name: string, 'extra.rack'?: unknown}} node
 */
export function rackOf(node) {
  const given = node['extra.rack'];
  if (typeof given === 'number' || (typeof given === 'string' && given)) return String(given);
  const before = /^(.*?)[0-9]+[^0-9]*$/.exec(node.name)?.[1] ?? '';
  return before.replace(/[-_.]*[A-Za-z]*[-_.]*$/, '') || before.replace(/[-_.]+$/, '');
}

/** @param {Iterable<string>} names @returns {string} as ranges: r1n[01-40],r2n07 */
export function folded(names) {
  /** @type {Map<string, {texts: string[], rows: string[][]}>} those with the same texts between numbers */
  const alike = new Map();
  const odd = [];
  for (const name of new Set(names)) {
    // Longer numbers would not be exact.
    if (/[^A-Za-z0-9_.:-]|[0-9]{16}/.test(name)) odd.push(name);
    else {
      const pieces = name.split(/([0-9]+)/);
      const texts = pieces.filter((_, place) => place % 2 === 0);
      groupOf(alike, texts.join('\n'), () => ({ texts, rows: [] })).rows.push(
        pieces.filter((_, place) => place % 2 === 1),
      );
    }
  }
  const found = [...alike.values()].flatMap(({ texts, rows }) =>
    foldedRows(rows, texts.length - 1).map((numbers) => {
      const text = texts.map((one, place) => one + (numbers[place] ?? '')).join('');
      return { text, key: natural(text.replaceAll('[', '')) };
    }));
  return [...found.sort(byKey).map(({ text }) => text), ...odd].join(',');
}

/** @template T @param {Map<string|number, T>} groups @param {string|number} key @param {() => T} make */
function groupOf(groups, key, make) {
  const group = groups.get(key) ?? make();
  groups.set(key, group);
  return group;
}

/**
 * Rows of numbers, with those as one that differ in one number alone, the last number first.
 * @param {string[][]} rows @param {number} count of numbers
 */
function foldedRows(rows, count) {
  rows.sort((one, other) => {
    const place = one.findIndex((number, at) => Number(number) !== Number(other[at]));
    return place < 0 ? 0 : Number(one[place]) - Number(other[place]);
  });
  for (let place = count - 1; place >= 0; place--) {
    /** @type {Map<string, {row: string[], numbers: string[]}>} */
    const groups = new Map();
    for (const row of rows) {
      const key = row.map((number, at) => (at === place ? '' : number)).join('\n');
      groupOf(groups, key, () => ({ row, numbers: [] })).numbers.push(row[place]);
    }
    rows = [...groups.values()].map(({ row, numbers }) =>
      row.map((number, at) => (at === place ? spans(numbers) : number)));
  }
  return rows;
}

/** @param {string[]} numbers @returns {string} [1-3,7]; one alone without brackets */
function spans(numbers) {
  if (numbers.length === 1) return numbers[0];
  const padded = new Set(numbers.filter((one) => /^0./.test(one)).map((one) => one.length));
  /** @type {Map<number, number[]>} */
  const widths = new Map();
  for (const number of numbers) {
    const width = padded.has(number.length) ? number.length : 0;
    groupOf(widths, width, () => []).push(Number(number));
  }
  const found = [];
  for (const [width, values] of [...widths].sort(([one], [other]) => one - other)) {
    /** @type {[number, number][]} the first and last of consecutive numbers */
    const runs = [];
    for (const value of values.sort((one, other) => one - other)) {
      const run = runs.at(-1);
      if (run && value === run[1] + 1) run[1] = value;
      else runs.push([value, value]);
    }
    for (const run of runs) {
      const [first, last] = run.map((value) => String(value).padStart(width, '0'));
      found.push(first === last ? first : `${first}-${last}`);
    }
  }
  return `[${found.join(',')}]`;
}
