// Names of nodes: natural order (n2 before n10), racks, and ranges, like natural and fold of
// podium.node_ranges.

/** @param {string} text @returns {string} its key for sorting: each number with its length before it */
export function natural(text) {
  const key = text.replace(/[0-9]{1,18}/g, (digits) => {
    const number = digits.replace(/^0+/, '');
    return String(number.length).padStart(2, '0') + number;
  });
  return `${key}\u0001${text}`;
}

/** @param {{key: string}} one @param {{key: string}} other */
export function byKey(one, other) { return one.key < other.key ? -1 : one.key > other.key ? 1 : 0; }

/**
 * The extra.rack of a node, else its name up to the last number and the word before that: r1 for r1n01; ''
 * for a name without a number.
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
  const all = [...new Set(names)];
  // Other characters have a meaning in ranges, and longer numbers would not be exact.
  const isOdd = (/** @type {string} */ name) => /[^A-Za-z0-9_.:-]|[0-9]{16}/.test(name);
  /** Texts and numbers alternately. */
  let rows = all.filter((name) => !isOdd(name)).map((name) => name.split(/([0-9]+)/));
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  for (let place = longest - 2; place > 0; place -= 2) rows = foldedAt(rows, place);
  const found = rows.map((row) => ({ text: row.join(''), key: natural(row.join('').replaceAll('[', '')) }));
  return [...found.sort(byKey).map(({ text }) => text), ...all.filter(isOdd)].join(',');
}

/** @param {string[][]} rows @param {number} place @returns rows that differ only in this place, joined */
function foldedAt(rows, place) {
  /** @type {Map<string, {row: string[], numbers: string[]}>} */
  const alike = new Map();
  for (const row of rows) {
    const key = row.map((piece, at) => (at === place ? '' : piece)).join('\n');
    const group = alike.get(key);
    if (group) group.numbers.push(row[place]);
    else alike.set(key, { row, numbers: [row[place]] });
  }
  return [...alike.values()].map(({ row, numbers }) =>
    row.map((piece, at) => (at === place ? spans(numbers) : piece)));
}

/** @param {string[]} numbers @returns {string} [1-3,7]; one alone without brackets */
function spans(numbers) {
  if (numbers.length === 1) return numbers[0];
  const isPadded = numbers.some((number) => /^0./.test(number));
  /** @type {[first: string, last: string][]} consecutive numbers, of the same length where that counts */
  const runs = [];
  numbers.sort((one, other) => one.length - other.length || Number(one) - Number(other));
  for (const number of numbers) {
    const run = runs.at(-1);
    const isAlike = !isPadded || number.length === run?.[0].length;
    if (run && isAlike && Number(number) === Number(run[1]) + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return `[${runs.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(',')}]`;
}
