// Finds the nodes that meet conditions that the server has parsed. The logic has two values: a condition
// about a missing value is false, and `none` chooses everything that its parts do not choose.

/** @typedef {Readonly<Record<string, any>>} Node */
/** @typedef {(node: Node, now: number) => boolean} Test now: the server's time in milliseconds */
/** @typedef {(value: any) => boolean} Compares */
/** @typedef {string | number | boolean} Value */
/**
 * As in client/calls/selection.py.
 *
 * @typedef {{is: 'comparison', column: string, reading: string, operator: string, values: (Value | null)[]}}
 *   Comparison
 * @typedef {{is: 'group', joined: 'all' | 'some' | 'none', parts: Conditions[]}} Group
 * @typedef {Comparison | Group} Conditions
 */

/** Milliseconds by which a time may lie ahead of the server's without being wrong. */
const AHEAD = 5000;
/** The compared values that are not plain columns.
 * @type {Record<string, (node: Node, now: number) => any>} */
const READINGS = {
  age: ({ power_checked_at: at = null }, now) =>
    (at === null || at > now + AHEAD ? null : Math.max(0, now - at) / 1000),
  health: ({ health }) => health?.status ?? null,
  host: ({ conductor }) => conductor?.replace(/\/[^/]*$/, '') ?? null,
};

/** Return a pattern with `*` and `?` as a regular expression that stays fast with many `*`.
 * @param {string} pattern @param {string} [flags] */
export function fitting(pattern, flags = 'su') {
  const [first = '', ...parts] = pattern.split('*').map((part) =>
    part.replace(/[\\^$.+()[\]{}|/]/g, '\\$&').replaceAll('?', '.'));
  const last = parts.pop();
  if (last === undefined) return new RegExp(`^${first}$`, flags);
  // A group in a look-ahead is not tried again: the first match of a part is the best one.
  const between = parts.map((part, place) => `(?=(.*?${part}))\\${place + 1}`);
  return new RegExp(`^${first}${between.join('')}.*${last}$`, flags);
}

/** Return a function that checks nodes for conditions. @param {Conditions} conditions @returns {Test} */
export function met(conditions) {
  if (conditions.is === 'comparison') return one(conditions);
  const parts = conditions.parts.map(met);
  if (conditions.joined === 'all') return (node, now) => parts.every((part) => part(node, now));
  const isSome = conditions.joined === 'some';
  return (node, now) => parts.some((part) => part(node, now)) === isSome;
}

/** @param {Comparison} comparison @returns {Test} */
function one({ column, reading, operator, values }) {
  const given = values.filter((value) => value !== null);
  const mayMiss = given.length < values.length;
  const wanted = reading === 'time' ? given.map((value) => Date.parse(String(value))) : given;
  const compares = reading === 'entry' ? entry(operator, wanted) : compared(operator, wanted);
  const read = READINGS[reading] ?? ((node) => node[column] ?? null);
  return (node, now) => {
    const value = read(node, now);
    const isMissing = value === null || (value === '' && reading !== 'entry');
    return (isMissing && mayMiss) || (value !== null && compares(value));
  };
}

/** @param {string} operator @param {Value[]} wanted @returns {Compares} */
function compared(operator, wanted) {
  const [bound, isLess, mayEqual] = [Number(wanted[0]), operator[0] === '<', operator[1] === '='];
  if (isLess || operator[0] === '>') {
    return (value) => (isLess ? value < bound : value > bound) || (mayEqual && value === bound);
  }
  if (operator === '=') {
    const all = new Set(wanted);
    return (value) => all.has(value);
  }
  const pattern = fitting(String(wanted[0]));
  return (value) => pattern.test(value);
}

/** The number in a text, if all databases read the same number. @param {Value} text */
const number = (text) => (/^-?\d{1,15}(\.\d{1,15})?$/.test(String(text)) ? Number(text) : undefined);

/** @param {string} operator @param {Value[]} wanted @returns {Compares} */
function entry(operator, wanted) {
  const compares = compared(operator, wanted);
  const amounts = wanted.map(number);
  return (value) => {
    const isText = typeof value === 'string' || typeof value === 'boolean';
    if (operator === '~') return isText && !String(value).includes('://') && compares(String(value));
    if (operator === '=') return isText ? compares(String(value)) : amounts.includes(value);
    const amount = typeof value === 'string' ? number(value) : value;
    return typeof amount === 'number' && compares(amount);
  };
}
