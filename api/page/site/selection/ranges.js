// Names of nodes written as ranges, r1n[01-48], as podium.node_ranges.expand has them.

/** Greatest number of names that the ranges of one filter stand for. */
const MOST_NODES = 100_000;
const LONGEST_NAME = 255;
/** Longer numbers would not be exact; no node has them. */
const SPAN = /^(\d{1,15})(?:-(\d{1,15})(?:\/(\d{1,15}))?)?$/;

/** Whether a text is not the name of one node, but stands for several. @param {string} text */
export const isRange = (text) => /[[\],]/.test(text);

/**
 * Return the names and patterns that a range stands for.
 *
 * @param {string} text
 * @returns {string[]} none for what cannot be understood, and for too many
 */
export function expand(text) {
  /** @type {string[]} */
  let names = [];
  for (const part of text.trim().split(/\s*,\s*(?![^[]*\])/)) {
    let some = part ? [''] : [];
    for (const [plain, inside] of part.matchAll(/\[([^[\]]*)\]|[^[]+|\[/gu)) {
      const own = /^[A-Za-z0-9_.:*?-]+$/.test(plain) ? [plain] : [];
      const pieces = inside === undefined ? own : numbers(inside);
      if (some.length * pieces.length > MOST_NODES) return [];
      some = some.flatMap((name) => pieces.map((piece) => name + piece));
    }
    names = names.concat(some);
    const isTooLong = some.some((name) => name.length > LONGEST_NAME);
    if (!some.length || isTooLong || names.length > MOST_NODES) return [];
  }
  return names;
}

/** @param {string} inside the brackets @returns {string[]} as by expand() */
function numbers(inside) {
  /** @type {string[]} */
  const found = [];
  for (const span of inside.split(/\s*,\s*/)) {
    const [, first = '', last = first, step = '1'] = SPAN.exec(span) ?? [];
    const isPadded = [first, last].some((end) => end.length > 1 && end.startsWith('0'));
    const width = isPadded ? first.length : 0;
    const [from, to, by] = [first, last, step].map(Number);
    const isRight = first && from <= to && by && !(isPadded && first.length !== last.length);
    if (!isRight || found.length + (to - from) / by >= MOST_NODES) return [];
    for (let one = from; one <= to; one += by) found.push(String(one).padStart(width, '0'));
  }
  return found;
}
