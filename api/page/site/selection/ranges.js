// Names of nodes written as ranges, r1n[01-48], as podium.node_ranges.expand has them.

/** Greatest number of names that the ranges of one filter stand for. */
const MOST_NODES = 100_000n;
const LONGEST_NAME = 255;
const SPAN = /^(\d{1,18})(?:-(\d{1,18})(?:\/(\d{1,18}))?)?$/;

/** @typedef {{count: bigint, longest: number, texts: () => Iterable<string>}} Piece of names */

/** Whether a text is not the name of one node, but stands for several. @param {string} text */
export const isRange = (text) => /[[\],]/.test(text);

/**
 * Return the names and patterns that a range stands for.
 *
 * @param {string} text
 * @returns {string[] | undefined} undefined for what cannot be understood, and for too many
 */
export function expand(text) {
  /** @type {(Piece | undefined)[][]} */
  const parts = [[]];
  const compact = text.replace(/\s*,\s*/g, ',').trim();
  for (const [, numbers, comma, plain] of compact.matchAll(/\[([^[\]]*)\]|(,)|([^[,]+|.)/gu)) {
    if (comma) parts.push([]);
    else parts.at(-1)?.push(numbers === undefined ? same(plain) : spans(numbers));
  }
  let count = 0n;
  for (const part of parts) {
    count += part.reduce((number, piece) => number * (piece?.count ?? 0n), 1n);
    const longest = part.reduce((sum, piece) => sum + (piece?.longest ?? Infinity), 0);
    if (!part.length || longest > LONGEST_NAME || count > MOST_NODES) return undefined;
  }
  return parts.flatMap((part) => part.reduce((names, piece) => {
    const texts = [...(piece?.texts() ?? [])];
    return names.flatMap((name) => texts.map((one) => name + one));
  }, ['']));
}

/** @param {string} [text] @returns {Piece | undefined} */
function same(text = '') {
  const isPart = /^[A-Za-z0-9_.:*?-]+$/.test(text);
  return isPart ? { count: 1n, longest: text.length, texts: () => [text] } : undefined;
}

/** @param {string} inside the brackets @returns {Piece | undefined} */
function spans(inside) {
  const found = inside.split(',').map((one) => {
    const [, first = '', last = first, step = '1'] = SPAN.exec(one) ?? [];
    const isPadded = [first, last].some((end) => end.length > 1 && end.startsWith('0'));
    const isRight = first && BigInt(first) <= BigInt(last) && BigInt(step);
    if (!isRight || (isPadded && first.length !== last.length)) return undefined;
    return { from: BigInt(first), to: BigInt(last), step: BigInt(step), longest: last.length, isPadded };
  });
  const all = found.filter((one) => one !== undefined);
  if (all.length < found.length) return undefined;
  return {
    count: all.reduce((sum, { from, to, step }) => sum + (to - from) / step + 1n, 0n),
    longest: Math.max(...all.map((one) => one.longest)),
    *texts() {
      for (const { from, to, step, longest, isPadded } of all) {
        for (let one = from; one <= to; one += step) yield String(one).padStart(isPadded ? longest : 0, '0');
      }
    },
  };
}
