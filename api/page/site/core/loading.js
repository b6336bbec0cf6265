// Rows of nodes as the API lists them, made into the records of the fleet.

import { rackOf } from './racks.js';

/** @typedef {import('./fleet.js').Node} Node */

/** What is known of every node. */
export const BASE = [
  'uuid', 'name', 'extra.rack', 'power_state', 'target_power_state', 'wanted_power_state', 'power_checked_at',
  'power_failures', 'health', 'health_checked_at', 'last_error', 'maintenance', 'fault', 'driver',
  'conductor', 'conductor_group', 'provision_state', 'owner', 'power_requested_by',
];
/** What changes without being news; see core/ages.js. */
export const UNSEEN = [
  'uuid', 'power_checked_at', 'power_failures', 'health', 'health_checked_at', 'conductor',
];
/** Fields whose values most nodes have in common. */
const COMMON = [
  'extra.rack', 'power_state', 'target_power_state', 'wanted_power_state', 'driver', 'conductor',
  'conductor_group', 'provision_state', 'owner', 'power_requested_by', 'fault', 'last_error',
];
const MAPPINGS = ['extra', 'properties', 'driver_info', 'driver_internal_info', 'record'];
/** Texts that are kept once at the most; errors may differ for every node. */
const MOST_TEXTS = 20_000;

/**
 * The fields that are entries, each with its mapping and key.
 * @param {string[]} fields
 */
export function entriesOf(fields) {
  return fields.filter((field) => field.includes('.')).map((field) => {
    const dot = field.indexOf('.');
    return [field, field.slice(0, dot), field.slice(dot + 1)];
  });
}

/** Makes records of rows; texts that are alike are kept once. */
export class Records {
  /** @type {Map<string, any>} */
  #texts = new Map();
  /**
   * Put what a row says into a node; the entry `rack` of its `extra` as `extra.rack`.
   * @param {Partial<Node>} node
   * @param {Record<string, any>} row
   * @param {string[][]} entries of its mappings
   * @returns {boolean} whether anything is different
   */
  put(node, row, entries) {
    const known = /** @type {Record<string, any>} */ (node);
    let isNew = false;
    for (const [column = '', mapping = '', key = ''] of entries) {
      if (mapping in row) row[column] = row[mapping][key] ?? null;
    }
    for (const name in row) {
      if (MAPPINGS.includes(name)) continue;
      const value = this.#value(name, row[name]);
      if (known[name] === value) continue;
      known[name] = value;
      isNew = true;
    }
    if (isNew && 'name' in row) node.rack = this.#shared(rackOf(/** @type {Node} */ (node)));
    return isNew;
  }

  /** @param {string} name @param {any} value */
  #value(name, value) {
    if (typeof value === 'string') {
      if (name.endsWith('_at')) return Date.parse(value);
      return COMMON.includes(name) || name.includes('.') ? this.#shared(value) : value;
    }
    if (typeof value !== 'object' || value === null) return value;
    const key = JSON.stringify(value);
    if (!this.#texts.has(key)) this.#room().set(key, Object.freeze(value));
    return this.#texts.get(key);
  }

  /** @param {string} text */
  #shared(text) {
    const known = this.#texts.get(text);
    if (typeof known === 'string') return known;
    this.#room().set(text, text);
    return text;
  }

  #room() {
    if (this.#texts.size >= MOST_TEXTS) this.#texts.clear();
    return this.#texts;
  }
}
