// Which nodes meet a condition, as podium.db.selection.compiling has it. The logic has two values: a
// condition about a missing value is false, and what is not chosen is chosen by `not`.

import { number } from './fields.js';

/** @typedef {import('./parsing.js').Condition} Condition */
/** @typedef {import('./fields.js').Value} Value */
/** @typedef {Readonly<Record<string, any>>} Node */
/**
 * What belongs to conditions besides the nodes.
 *
 * @typedef {object} World
 * @property {number} now the server's time in milliseconds
 * @property {ReadonlySet<string>} members the workers that are heard of
 * @property {boolean} enforcedByDefault whether nodes without a policy of their own are enforced
 */
/** @typedef {(node: Node, world: World) => boolean} Test */
/** @typedef {(value: any) => boolean} Comparison */

/** Milliseconds by which a time may lie ahead of the server's without being wrong. */
const AHEAD = 5000;

/** Return a pattern with `*` and `?` as a regular expression, which takes no longer for many `*`.
 * @param {string} pattern @param {string} [flags] */
export function fitting(pattern, flags = 'su') {
  const [first = '', ...parts] = pattern.split('*').map((part) =>
    part.replace(/[\\^$.+()[\]{}|/]/g, '\\$&').replaceAll('?', '.'));
  const last = parts.pop();
  if (last === undefined) return new RegExp(`^${first}$`, flags);
  // A group in a look-ahead is not tried again: the first place where a part fits is the best one.
  const between = parts.map((part, place) => `(?=(.*?${part}))\\${place + 1}`);
  return new RegExp(`^${first}${between.join('')}.*${last}$`, flags);
}

/** Return the columns of nodes that a condition looks at, beside what is known of all nodes.
 * @param {Pick<Condition, 'field' | 'key'>} condition */
export function columnsOf({ field: { name }, key }) {
  return key ? [`${name}.${key}`] : (OWN[name]?.columns ?? [name]);
}

/** Return what says whether a node meets a condition. @param {Condition} condition @returns {Test} */
export function met({ field: { name, kind }, key, operator, values }) {
  const wanted = values.filter((value) => value !== null);
  const mayMiss = wanted.length < values.length;
  const compares = kind === 'entry' ? entry(operator, wanted) : compared(operator, wanted);
  const column = key ? `${name}.${key}` : name;
  const missing = kind === 'truth' ? false : null;
  const read = OWN[name]?.read ?? ((node) => node[column] ?? missing);
  return (node, world) => {
    // What a node's driver does not know may be secret there, and is compared with nothing.
    if (name === 'driver_info' && [undefined, '******'].includes(node[column])) return false;
    const value = read(node, world);
    const isMissing = value === null || (value === '' && !key);
    return (isMissing && mayMiss) || (value !== null && compares(value));
  };
}

/** @param {string} operator @param {readonly Value[]} wanted @returns {Comparison} */
function compared(operator, wanted) {
  const [bound, isLess, mayEqual] = [Number(wanted[0]), operator[0] === '<', operator[1] === '='];
  if (isLess || operator[0] === '>') {
    return (value) => (isLess ? value < bound : value > bound) || (mayEqual && value === bound);
  }
  if (operator === '=') return (value) => wanted.includes(value);
  const pattern = fitting(String(wanted[0]));
  return (value) => pattern.test(value);
}

/** @param {string} operator @param {readonly Value[]} wanted @returns {Comparison} */
function entry(operator, wanted) {
  const compares = compared(operator, wanted);
  const amounts = wanted.map((value) => number(String(value)));
  return (value) => {
    const isText = typeof value === 'string' || typeof value === 'boolean';
    if (operator === '~') return isText && !String(value).includes('://') && compares(String(value));
    if (operator === '=') return isText ? compares(String(value)) : amounts.includes(value);
    const amount = typeof value === 'string' ? number(value) : value;
    return typeof amount === 'number' && compares(amount);
  };
}

/** Seconds since the power was read; null for never, or where that lies ahead.
 * @param {Node} node @param {World} world */
function age({ power_checked_at: at = null }, { now }) {
  return at === null || at > now + AHEAD ? null : Math.max(0, now - at) / 1000;
}

/** @param {Node} node */
const isConducted = (node) => node['provision_state'] !== 'enroll';

/** Fields that are no columns, or none as they are: which they are of, beside what is known of all nodes.
 * @type {Record<string, {columns: string[], read: (node: Node, world: World) => any}>} */
const OWN = {
  age: { columns: ['power_checked_at'], read: age },
  conductor: { columns: ['conductor'], read: ({ conductor }) => conductor?.replace(/\/[^/]*$/, '') ?? null },
  failing: {
    columns: ['power_policy', 'reservation'],
    read(node, { members }) {
      const isRead = node['maintenance'] === false && node['power_policy'] !== 'ignore';
      const isHeld = node['reservation'] && !members.has(node['reservation']);
      const isLeft = isRead && (isHeld || !members.has(node['conductor']));
      return isConducted(node) && Boolean(node['power_failures'] || isLeft);
    },
  },
  health: { columns: ['health'], read: ({ health }) => health?.status.toLowerCase() ?? null },
  stale: {
    columns: ['power_checked_at'],
    read(node, world) {
      const isRead = isConducted(node) && node['maintenance'] === false;
      return isRead ? (age(node, world) ?? Infinity) : null;
    },
  },
  unhealthy: { columns: [], read: ({ health }) => ['Warning', 'Critical'].includes(health?.status) },
  unserved: {
    columns: ['conductor'], read: (node, { members }) => isConducted(node) && !members.has(node['conductor']),
  },
  would_enforce: {
    columns: ['power_policy', 'enforcement'],
    read(node, { enforcedByDefault }) {
      const { enforcement, power_state: power, wanted_power_state: wanted } = node;
      const policy = node['power_policy'] ?? (enforcedByDefault ? 'enforce' : '');
      const differs = power && wanted && power !== wanted && power !== 'error';
      return Boolean(enforcement || (differs && node['maintenance'] === false && policy === 'enforce'));
    },
  },
};
