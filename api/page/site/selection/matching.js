// Which nodes meet conditions, as podium.db.selection.compiling has it. The logic has two values: a condition
// about a missing value is false, and what is not chosen is chosen by `not`.

import { number } from './fields.js';
import { conditions } from './parsing.js';

/** @typedef {import('./parsing.js').Tree} Tree */
/** @typedef {import('./parsing.js').Condition} Condition */
/** @typedef {import('./parsing.js').Value} Value */
/** @typedef {Readonly<Record<string, any>>} Node */
/**
 * What belongs to conditions besides the nodes.
 *
 * @typedef {object} World
 * @property {number} now the server's time in milliseconds
 * @property {ReadonlySet<string>} members the workers that have not ended
 * @property {boolean} enforcedByDefault whether nodes without a policy of their own are enforced
 */
/** @typedef {(node: Node, world: World) => boolean} Test */

/** Milliseconds by which a time may lie ahead of the server's without being wrong. */
const AHEAD = 5000;

/** What conditions need to know besides the columns of their own names. @type {Record<string, string[]>} */
const COLUMNS = {
  age: ['power_checked_at'],
  stale: ['power_checked_at', 'maintenance', 'provision_state'],
  failing: ['power_failures', 'maintenance', 'power_policy', 'reservation', 'conductor', 'provision_state'],
  unhealthy: ['health'],
  unserved: ['conductor', 'provision_state'],
  would_enforce: ['enforcement', 'power_state', 'wanted_power_state', 'maintenance', 'power_policy'],
};

/** Return the columns of nodes that conditions look at. @param {Tree} tree */
export function columns(tree) {
  const names = [...conditions(tree)].flatMap(({ field, key }) =>
    key ? [`${field.name}.${key}`] : (COLUMNS[field.name] ?? [field.name]));
  return [...new Set(names)];
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
 * @param {string} pattern */
export function fitting(pattern) {
  const [first = '', ...parts] = pattern.split('*').map((part) =>
    part.replace(/[\\^$.+()[\]{}|/]/g, '\\$&').replaceAll('?', '.'));
  const last = parts.pop();
  if (last === undefined) return new RegExp(`^${first}$`, 'su');
  // A group in a look-ahead is not tried again: the first place where a part fits is the best one.
  const between = parts.map((part, place) => `(?=(.*?${part}))\\${place + 1}`);
  return new RegExp(`^${first}${between.join('')}.*${last}$`, 'su');
}

/** @param {Condition} one @returns {Test} */
function condition({ field, key, operator, values }) {
  const wanted = values.filter((value) => value !== null);
  const mayMiss = wanted.length < values.length;
  if (field.kind === 'truth') {
    const test = TRUTHS[field.name] ?? ((node) => node[field.name] === true);
    return (node, world) => wanted.some((value) => value === test(node, world));
  }
  if (field.kind === 'stale') {
    return (node, world) => isConducted(node) &&
      node['maintenance'] === false && (age(node, world) ?? Infinity) > Number(wanted[0]);
  }
  const compares = field.kind === 'entry' ? entry(operator, wanted) : compared(operator, wanted);
  const read = reader(field.name, key);
  return (node, world) => {
    const value = read(node, world);
    // What a node's driver does not know may be secret there, and is compared with nothing.
    if (value === undefined) return false;
    const isMissing = value === null || (value === '' && !key);
    return (isMissing && mayMiss) || (value !== null && compares(value));
  };
}

/** @param {string} name @param {string} key @returns {(node: Node, world: World) => any} */
function reader(name, key) {
  switch (name) {
    case 'age': return age;
    case 'health': return (node) => node['health']?.status.toLowerCase() ?? null;
    case 'conductor': return (node) => node['conductor']?.replace(/\/[^/]*$/, '') ?? null;
  }
  const column = `${name}.${key}`;
  if (name === 'driver_info') return (node) => (node[column] === '******' ? undefined : node[column]);
  if (key) return (node) => node[column] ?? null;
  const isTime = /_at$/.test(name);
  return (node) => {
    const value = node[name] ?? null;
    return isTime && typeof value === 'string' ? Date.parse(value) : value;
  };
}

/** @param {string} operator @param {readonly Value[]} wanted @returns {(value: any) => boolean} */
function compared(operator, wanted) {
  const among = new Set(wanted);
  const patterns = operator === '~' ? wanted.map((value) => fitting(String(value))) : [];
  const bound = Number(wanted[0]);
  switch (operator) {
    case '~': return (value) => patterns.some((pattern) => pattern.test(value));
    case '<': return (value) => value < bound;
    case '<=': return (value) => value <= bound;
    case '>': return (value) => value > bound;
    case '>=': return (value) => value >= bound;
  }
  return (value) => among.has(value);
}

/** @param {string} operator @param {readonly Value[]} wanted @returns {(value: any) => boolean} */
function entry(operator, wanted) {
  const compares = compared(operator, wanted);
  if (operator === '~') {
    return (value) => ['string', 'boolean'].includes(typeof value) && !String(value).includes('://') &&
      compares(String(value));
  }
  if (operator !== '=') {
    return (value) => {
      const amount = typeof value === 'string' ? number(value) : value;
      return typeof amount === 'number' && compares(amount);
    };
  }
  const amounts = new Set(wanted.map((value) => number(String(value))));
  return (value) => {
    if (typeof value === 'number') return amounts.has(value);
    return ['string', 'boolean'].includes(typeof value) && compares(String(value));
  };
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

/** @type {Record<string, Test>} */
const TRUTHS = {
  failing(node, { members }) {
    const isRead = node['maintenance'] === false && node['power_policy'] !== 'ignore';
    const isHeld = node['reservation'] && !members.has(node['reservation']);
    const isLeft = isRead && (isHeld || !node['conductor']);
    return isConducted(node) && (node['power_failures'] > 0 || Boolean(isLeft));
  },
  unhealthy: (node) => ['Warning', 'Critical'].includes(node['health']?.status),
  unserved: (node) => isConducted(node) && !node['conductor'],
  would_enforce(node, { enforcedByDefault }) {
    const { enforcement, power_state: power, wanted_power_state: wanted } = node;
    const policy = node['power_policy'] ?? (enforcedByDefault ? 'enforce' : '');
    const differs = power && wanted && power !== wanted && power !== 'error';
    return Boolean(enforcement || (differs && node['maintenance'] === false && policy === 'enforce'));
  },
};
