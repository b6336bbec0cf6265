// Racks of nodes, and names written as ranges, as podium.node_ranges.fold does.

import { natural } from './natural.js';

/**
 * The rack of a node: what extra.rack says, else the part of its name before its last number and the word
 * or sign there, r1 of r1n01; '' where the name has no such part.
 * @param {{name: string, 'extra.rack'?: unknown}} node
 */
export function rackOf(node) {
  const given = node['extra.rack'];
  if (typeof given === 'string' && given) return given;
  if (typeof given === 'number') return String(given);
  const before = /^(.*?)[0-9]+[^0-9]*$/.exec(node.name)?.[1] ?? '';
  return before.replace(/[-_.]*[A-Za-z]*[-_.]*$/, '') || before.replace(/[-_.]+$/, '');
}

/**
 * Names as ranges: r1n[01-40],r2n07.
 * @param {Iterable<string>} names
 */
export function folded(names) {
  /** @type {Map<string, Map<string, string[]>>} */
  const alike = new Map();
  const odd = [];
  for (const name of new Set(names)) {
    // Longer numbers are no longer exact.
    if (/[^A-Za-z0-9_.:-]|[0-9]{16}/.test(name)) odd.push(name);
    else {
      const pieces = name.split(/([0-9]+)/);
      const texts = JSON.stringify(pieces.filter((_, place) => place % 2 === 0));
      const rows = alike.get(texts) ?? new Map();
      alike.set(texts, rows);
      rows.set(name, pieces.filter((_, place) => place % 2 === 1));
    }
  }
  const found = [];
  for (const [texts, rows] of alike) {
    const between = /** @type {string[]} */ (JSON.parse(texts));
    for (const numbers of foldedRows([...rows.values()], between.length - 1)) {
      found.push(between.map((text, place) => text + (numbers[place] ?? '')).join(''));
    }
  }
  const keyed = found.map((text) => /** @type {const} */ ([natural(text.replaceAll('[', '')), text]));
  keyed.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  return [...keyed.map(([, text]) => text), ...odd].join(',');
}

/**
 * Rows of numbers with those that differ in one number alone as one, the last number first.
 * @param {string[][]} rows
 * @param {number} count
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
      const key = [...row.slice(0, place), '', ...row.slice(place + 1)].join('\n');
      const group = groups.get(key) ?? { row, numbers: [] };
      groups.set(key, group);
      group.numbers.push(/** @type {string} */ (row[place]));
    }
    rows = [...groups.values()].map(({ row, numbers }) =>
      [...row.slice(0, place), spans(numbers), ...row.slice(place + 1)]);
  }
  return rows;
}

/**
 * [1-3,7] for numbers; one alone without brackets.
 * @param {string[]} numbers
 */
function spans(numbers) {
  if (numbers.length === 1) return /** @type {string} */ (numbers[0]);
  const padded = new Set(numbers.filter((one) => /^0./.test(one)).map((one) => one.length));
  /** @type {Map<number, number[]>} */
  const widths = new Map();
  for (const number of numbers) {
    const width = padded.has(number.length) ? number.length : 0;
    const values = widths.get(width) ?? [];
    widths.set(width, values);
    values.push(Number(number));
  }
  const found = [];
  for (const [width, values] of widths) {
    for (const [first, last] of runs(values.sort((one, other) => one - other))) {
      const [from, to] = [first, last].map((value) => String(value).padStart(width, '0'));
      found.push(from === to ? from : `${from}-${to}`);
    }
  }
  return `[${found.join(',')}]`;
}

/**
 * The first and last of each run of consecutive numbers.
 * @param {number[]} values sorted
 */
function runs(values) {
  /** @type {[number, number][]} */
  const found = [];
  for (const value of values) {
    const run = found.at(-1);
    if (run && value === run[1] + 1) run[1] = value;
    else found.push([value, value]);
  }
  return found;
}
