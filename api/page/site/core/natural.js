// The natural order of names, n2 before n10, as podium.node_ranges.natural has it.

/**
 * The key of a text for sorting: each number with its length before it.
 * @param {string} text
 */
export function natural(text) {
  const key = text.replace(/[0-9]{1,18}/g, (digits) => {
    const number = digits.replace(/^0+/, '');
    return String(number.length).padStart(2, '0') + number;
  });
  return `${key}\u0001${text}`;
}

/**
 * Items that are sorted by name, with some more.
 * @template {{name: string}} T
 * @param {T[]} sorted stays as it is, unless all others come behind it
 * @param {T[]} others in any order
 * @returns {T[]}
 */
export function merged(sorted, others) {
  const keyed = others.map((item) => /** @type {const} */ ([natural(item.name), item]));
  keyed.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  const first = keyed[0];
  const last = sorted.at(-1);
  if (!first) return sorted;
  if (!last || natural(last.name) < first[0]) {
    for (const [, item] of keyed) sorted.push(item);
    return sorted;
  }
  const found = [];
  let from = 0;
  for (const [key, item] of keyed) {
    const to = placeOf(sorted, key, from);
    for (; from < to; from++) found.push(/** @type {T} */ (sorted[from]));
    found.push(item);
  }
  for (; from < sorted.length; from++) found.push(/** @type {T} */ (sorted[from]));
  return found;
}

/**
 * Where the first of some sorted items is that does not come before a key.
 * @param {{name: string}[]} sorted
 * @param {string} key
 * @param {number} from
 * @returns {number}
 */
export function placeOf(sorted, key, from) {
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (natural(/** @type {{name: string}} */ (sorted[middle]).name) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
