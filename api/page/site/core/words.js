// The words for what is known of nodes, as the command line has them, and the shades of the heat map.

/** @typedef {import('./fleet.js').Node} Node */
/** @typedef {'power'|'health'|'age'|'under way'} Colouring */
/** @typedef {{key: string, label: string}} Shade */

const MINUTE = 60_000;
/** Up to which age, in seconds, a unit is used, and the seconds in it. */
const UNITS = /** @type {const} */ ([
  [120, 's', 1], [7200, 'min', 60], [172_800, 'h', 3600], [Infinity, 'd', 86_400],
]);
/** The states that a node may have, in the order in which they are counted. */
export const STATES = /** @type {const} */ (['power on', 'power off', 'error', 'unknown']);
/** @type {Colouring[]} */
export const COLOURINGS = ['power', 'health', 'age', 'under way'];

/**
 * The shades of each colouring, in the order of its legend.
 * @type {Record<Colouring, Shade[]>}
 */
export const SHADES = {
  power: [
    shade('on', 'power on'), shade('off', 'power off'), shade('error', 'error'), shade('unknown', 'unknown'),
  ],
  health: [
    shade('ok', 'OK'), shade('warning', 'Warning'), shade('critical', 'Critical'),
    shade('unknown', 'unknown'),
  ],
  age: [
    shade('fresh', 'read within 2 min'), shade('minutes', 'within 10 min'), shade('hour', 'within 1 h'),
    shade('old', 'longer ago'), shade('never', 'never read'),
  ],
  'under way': [
    shade('none', 'nothing under way'), shade('to-on', 'power on'), shade('to-off', 'power off'),
    shade('reboot', 'rebooting'), shade('other', 'another change'),
  ],
};
const BY_KEY = Object.fromEntries(
  Object.entries(SHADES).map(([name, all]) => [name, Object.fromEntries(all.map((one) => [one.key, one]))]),
);
/** @type {Record<string, string>} */
const POWER = { 'power on': 'on', 'power off': 'off', error: 'error' };
/** @type {Record<string, string>} */
const HEALTH = { OK: 'ok', Warning: 'warning', Critical: 'critical' };
/** @type {Record<string, string>} */
const TARGETS = {
  'power on': 'to-on', 'power off': 'to-off', 'soft power off': 'to-off',
  rebooting: 'reboot', 'soft rebooting': 'reboot', 'power cycle': 'reboot',
};

/** @param {string} key @param {string} label @returns {Shade} */
function shade(key, label) {
  return Object.freeze({ key, label });
}

/** @param {Node} node @returns {typeof STATES[number]} */
export function stateOf(node) {
  const state = node.power_state;
  return state === 'power on' || state === 'power off' || state === 'error' ? state : 'unknown';
}

/**
 * How the heat map shows a node.
 * @param {Node} node
 * @param {Colouring} colouring
 * @param {number} now the server's time in milliseconds
 * @returns {Shade}
 */
export function shadeOf(node, colouring, now) {
  return /** @type {Shade} */ (BY_KEY[colouring]?.[keyOf(node, colouring, now)]);
}

/** @param {Node} node @param {Colouring} colouring @param {number} now */
function keyOf(node, colouring, now) {
  switch (colouring) {
    case 'power': return POWER[node.power_state ?? ''] ?? 'unknown';
    case 'health': return HEALTH[node.health?.status ?? ''] ?? 'unknown';
    case 'age': return node.power_checked_at === null ? 'never' : ageKey(now - node.power_checked_at);
    case 'under way':
      return node.target_power_state === null ? 'none' : (TARGETS[node.target_power_state] ?? 'other');
  }
}

/** @param {number} passed milliseconds */
function ageKey(passed) {
  if (passed <= 2 * MINUTE) return 'fresh';
  if (passed <= 10 * MINUTE) return 'minutes';
  return passed <= 60 * MINUTE ? 'hour' : 'old';
}

/**
 * How long ago something was: 12 s ago.
 * @param {number} passed milliseconds; what is to come is negative
 */
export function age(passed) {
  const distance = Math.floor(Math.abs(passed) / 1000);
  const [, unit, size] = UNITS.find(([most]) => distance < most) ?? UNITS[3];
  if (passed < 0 && distance) return `in ${Math.ceil(distance / size)} ${unit}`;
  return `${Math.floor(distance / size)} ${unit} ago`;
}
