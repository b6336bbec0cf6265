// The words for the states of nodes, as on the command line, and the shades of the heat map.

/** @typedef {import('./fleet.js').Node} Node */
/** @typedef {'power'|'health'|'age'|'under way'} Colouring */
/** @typedef {{key: string, label: string}} Shade */

const MINUTE = 60_000;
/** The age in seconds up to which a unit is used, and the seconds in the unit. */
const UNITS = /** @type {const} */ ([
  [120, 's', 1], [7200, 'min', 60], [172_800, 'h', 3600], [Infinity, 'd', 86_400],
]);
/** @type {Colouring[]} */
export const COLOURINGS = ['power', 'health', 'age', 'under way'];

/** The shades of each colouring, in the order of its legend. @type {Record<Colouring, readonly Shade[]>} */
export const SHADES = {
  power: shades({ on: 'power on', off: 'power off', error: 'error', unknown: 'unknown' }),
  health: shades({ ok: 'OK', warning: 'Warning', critical: 'Critical', unknown: 'unknown' }),
  age: shades({
    fresh: 'read within 2 min', minutes: 'within 10 min', hour: 'within 1 h', old: 'longer ago',
    never: 'never read',
  }),
  'under way': shades({
    none: 'nothing under way', 'to-on': 'power on', 'to-off': 'power off', reboot: 'rebooting',
    other: 'another change',
  }),
};
/** @type {Record<string, string>} the keys of states */
const KEYS = {
  'power on': 'on', 'power off': 'off', error: 'error', OK: 'ok', Warning: 'warning', Critical: 'critical',
};
/** @type {Record<string, string>} the keys of target states */
const TARGETS = {
  'power on': 'to-on', 'power off': 'to-off', 'soft power off': 'to-off',
  rebooting: 'reboot', 'soft rebooting': 'reboot', 'power cycle': 'reboot',
};

/** @param {Record<string, string>} labels by key */
function shades(labels) {
  return Object.entries(labels).map(([key, label]) => ({ key, label }));
}

/** @param {Node} node @returns {'power on'|'power off'|'error'|'unknown'} */
export function stateOf({ power_state: state }) {
  return state === 'power on' || state === 'power off' || state === 'error' ? state : 'unknown';
}

/**
 * The key of a node's shade in the heat map.
 * @param {Node} node @param {Colouring} colouring @param {number} now the server's time in milliseconds
 */
export function shadeOf(node, colouring, now) {
  const { power_checked_at: read, target_power_state: target } = node;
  if (colouring === 'power') return KEYS[node.power_state ?? ''] ?? 'unknown';
  if (colouring === 'health') return KEYS[node.health?.status ?? ''] ?? 'unknown';
  if (colouring === 'under way') return target === null ? 'none' : TARGETS[target] ?? 'other';
  if (read === null) return 'never';
  if (now - read <= 2 * MINUTE) return 'fresh';
  return now - read <= 10 * MINUTE ? 'minutes' : now - read <= 60 * MINUTE ? 'hour' : 'old';
}

/** @param {number} passed milliseconds, negative for the future @returns {string} such as 12 s ago */
export function age(passed) {
  const distance = Math.floor(Math.abs(passed) / 1000);
  const [, unit, size] = UNITS.find(([most]) => distance < most) ?? UNITS[3];
  if (passed < 0 && distance) return `in ${Math.ceil(distance / size)} ${unit}`;
  return `${Math.floor(distance / size)} ${unit} ago`;
}
