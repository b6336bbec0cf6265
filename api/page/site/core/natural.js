// The natural order of names, n2 before n10, as podium.node_ranges.natural has it.

/** @param {string} text @returns {string} its key for sorting: each number with its length before it */
export function natural(text) {
  const key = text.replace(/[0-9]{1,18}/g, (digits) => {
    const number = digits.replace(/^0+/, '');
    return String(number.length).padStart(2, '0') + number;
  });
  return `${key}\u0001${text}`;
}

/** @template T @param {T[]} items @param {(item: T) => string} name @returns {T[]} in natural order */
export function inOrder(items, name) {
  const keyed = items.map((item) => ({ key: natural(name(item)), item }));
  keyed.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  return keyed.map(({ item }) => item);
}

/**
 * Items in natural order with others among them; the same list where all others come behind.
 * @template {{name: string}} T @param {T[]} items @param {T[]} others @returns {T[]}
 */
export function merged(items, others) {
  const more = inOrder(others, (item) => item.name);
  let from = more.length ? placeOf(items, more[0].name, 0) : items.length;
  if (from === items.length) {
    for (const item of more) items.push(item);
    return items;
  }
  const found = items.slice(0, from);
  for (const item of more) {
    const to = placeOf(items, item.name, from);
    while (from < to) found.push(items[from++]);
    found.push(item);
  }
  while (from < items.length) found.push(items[from++]);
  return found;
}

/** @param {{name: string}[]} items @param {string} name @param {number} from @returns {number} its place */
function placeOf(items, name, from) {
  const key = natural(name);
  let to = items.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (natural(items[middle].name) < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
