// The natural order of names, n2 before n10, as podium.node_ranges.natural has it.

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
