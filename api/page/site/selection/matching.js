// Which nodes meet conditions, as podium.db.selection.compiling has it. The logic has two values: a condition
// about a missing value is false, and what is not chosen is chosen by `not`.

import { number } from './fields.js';

/** @typedef {import('./parsing.js').Tree} Tree */
/** @typedef {import('./parsing.js').Condition} Condition */
/** @typedef {import('./parsing.js').Value} Value */
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

/** Milliseconds by which a time may lie ahead of the server's without being wrong. */
const AHEAD = 5000;

/** Of fields that are no columns, those to look at beside what is known of all nodes.
 * @type {Record<string, string[]>} */
const COLUMNS = {
  age: ['power_checked_at'], stale: ['power_checked_at'], unhealthy: [], unserved: ['conductor'],
  failing: ['power_policy', 'reservation'], would_enforce: ['power_policy', 'enforcement'],
};

/** Return the columns of nodes that conditions look at. @param {Tree} tree @returns {string[]} */
export function columns(tree) {
  if (tree.type !== 'condition') {
    return [...new Set((tree.type === 'not' ? [tree.inner] : tree.parts).flatMap(columns))];
  }
  const { field: { name }, key } = tree;
  return key ? [`${name}.${key}`] : (COLUMNS[name] ?? [name]);
}

/** Return what says whether a node meets conditions. @param {Tree} tree @returns {Test} */
export function compiled(tree) {
  if (tree.type === 'condition') return condition(tree);
  if (tree.type === 'not') {
    const inner = compiled(tree.inner);
    return (node, world) => !inner(node, world);
  }
  const parts = tree.parts.map(compiled);
  return tree.type === 'all'
    ? (node, world) => parts.every((part) => part(node, world))
    : (node, world) => parts.some((part) => part(node, world));
}

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

/** @param {Condition} one @returns {Test} */
function condition({ field, key, operator, values }) {
  const wanted = values.filter((value) => value !== null);
  const mayMiss = wanted.length < values.length;
  const compares = field.kind === 'entry' ? entry(operator, wanted) : compared(operator, wanted);
  const read = reader(field, key);
  return (node, world) => {
    const value = read(node, world);
    // What a node's driver does not know may be secret there, and is compared with nothing.
    if (value === undefined) return false;
    const isMissing = value === null || (value === '' && !key);
    return (isMissing && mayMiss) || (value !== null && compares(value));
  };
}

/** @param {Condition['field']} field @param {string} key @returns {(node: Node, world: World) => any} */
function reader({ name, kind }, key) {
  const column = key ? `${name}.${key}` : name;
  if (name in OWN) return OWN[name];
  if (name === 'driver_info') return (node) => (node[column] === '******' ? undefined : node[column]);
  return (node) => node[column] ?? (kind === 'truth' ? false : null);
}

/** @typedef {(value: any) => boolean} Comparison */
/** @param {string} operator @param {readonly Value[]} wanted @returns {Comparison} */
function compared(operator, wanted) {
  const bound = Number(wanted[0]);
  switch (operator) {
    case '<': return (value) => value < bound;
    case '<=': return (value) => value <= bound;
    case '>': return (value) => value > bound;
    case '>=': return (value) => value >= bound;
  }
  if (operator === '=') return (value) => wanted.includes(value);
  const patterns = wanted.map((value) => fitting(String(value)));
  return (value) => patterns.some((pattern) => pattern.test(value));
}

/** @param {string} operator @param {readonly Value[]} wanted @returns {Comparison} */
function entry(operator, wanted) {
  const compares = compared(operator, wanted);
  const isText = (/** @type {any} */ value) => typeof value === 'string' || typeof value === 'boolean';
  if (operator === '~') {
    return (value) => isText(value) && !String(value).includes('://') && compares(String(value));
  }
  if (operator === '=') {
    const amounts = wanted.map((value) => number(String(value)));
    return (value) => (isText(value) ? compares(String(value)) : amounts.includes(value));
  }
  const amount = (/** @type {any} */ value) => (typeof value === 'string' ? number(value) : value);
  return (value) => typeof amount(value) === 'number' && compares(amount(value));
}

/** Seconds since the power was read; null for never, or where that lies ahead.
 * @param {Node} node @param {World} world */
function age(node, world) {
  const at = node['power_checked_at'];
  if (at === null || at === undefined || at > world.now + AHEAD) return null;
  return Math.max(0, world.now - at) / 1000;
}

/** @param {Node} node */
const isConducted = (node) => node['provision_state'] !== 'enroll';

/** What is no column, or none as it is. @type {Record<string, (node: Node, world: World) => any>} */
const OWN = {
  age,
  conductor: (node) => node['conductor']?.replace(/\/[^/]*$/, '') ?? null,
  failing(node, { members }) {
    const isRead = node['maintenance'] === false && node['power_policy'] !== 'ignore';
    const isHeld = node['reservation'] && !members.has(node['reservation']);
    const isLeft = isRead && (isHeld || !members.has(node['conductor']));
    return isConducted(node) && Boolean(node['power_failures'] || isLeft);
  },
  health: (node) => node['health']?.status.toLowerCase() ?? null,
  stale(node, world) {
    const isRead = isConducted(node) && node['maintenance'] === false;
    return isRead ? (age(node, world) ?? Infinity) : null;
  },
  unhealthy: (node) => ['Warning', 'Critical'].includes(node['health']?.status),
  unserved: (node, { members }) => isConducted(node) && !members.has(node['conductor']),
  would_enforce(node, { enforcedByDefault }) {
    const { enforcement, power_state: power, wanted_power_state: wanted } = node;
    const policy = node['power_policy'] ?? (enforcedByDefault ? 'enforce' : '');
    const differs = power && wanted && power !== wanted && power !== 'error';
    return Boolean(enforcement || (differs && node['maintenance'] === false && policy === 'enforce'));
  },
};
