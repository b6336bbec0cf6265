// Rows of nodes as the API lists them, made into the records of the fleet.

import { natural } from './natural.js';
import { rackOf } from './racks.js';

/** @typedef {typeof BLANK & {[column: string]: any}} Node */
/** @typedef {[column: string, mapping: string, key: string]} Entry such as extra.rack */

const text = /** @type {string|null} */ (null);
const time = /** @type {number|null} */ (null);
const health = /** @type {{status: string, reasons: string[]}|null} */ (null);
/** What the API is asked for of every node; times are milliseconds of the server's clock. */
const ASKED = {
  uuid: '', name: '', 'extra.rack': text, power_state: text, target_power_state: text,
  wanted_power_state: text, power_checked_at: time, power_failures: 0, health, health_checked_at: time,
  last_error: text, maintenance: false, fault: text, driver: '', conductor: text, conductor_group: '',
  provision_state: '', owner: text, power_requested_by: text,
};
export const BASE = Object.keys(ASKED);
/** With all its fields from the beginning a node takes a third of the memory. Its key is of natural order. */
const BLANK = { ...ASKED, key: '', rack: '' };
/** Of these, what changes without being news. */
export const UNSEEN = [
  'uuid', 'power_checked_at', 'power_failures', 'health', 'health_checked_at', 'conductor',
];
const MAPPINGS = new Set(['extra', 'properties', 'driver_info', 'driver_internal_info', 'record']);
/** Texts that hardly two nodes have in common. */
const OWN = new Set(['uuid', 'name']);
/** Texts that are kept once, at the most; errors may differ for every node. */
const MOST_TEXTS = 20_000;

/** @param {string[]} fields @returns {Entry[]} those that are entries */
export function entriesOf(fields) {
  return fields.filter((field) => field.includes('.')).map((field) => {
    const dot = field.indexOf('.');
    return [field, field.slice(0, dot), field.slice(dot + 1)];
  });
}

/** Makes records of rows; what is alike is kept once. */
export class Records {
  /** @type {Map<string, any>} texts by themselves, and objects by their JSON */
  #kept = new Map();

  /** @param {Record<string, any>} row @param {Entry[]} entries @returns {Node} what a row says */
  made(row, entries) {
    const node = { ...BLANK, key: natural(row.name) };
    this.put(node, row, entries);
    return node;
  }

  /**
   * Put what a row says into a node.
   * @param {Record<string, any>} node @param {Record<string, any>} row
   * @param {Entry[]} entries that the row has in its mappings
   * @returns {boolean} whether anything is different
   */
  put(node, row, entries) {
    for (const [column, mapping, key] of entries) {
      const entries = row[mapping] ?? {};
      const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
      row[column] = mapping === 'driver_info' ? value : (value ?? null); // there it is unknown, not missing
    }
    let isNew = false;
    for (const name in row) {
      if (MAPPINGS.has(name)) continue;
      const value = this.#value(name, row[name]);
      if (node[name] === value) continue;
      node[name] = value;
      isNew = true;
    }
    if (isNew && 'extra.rack' in row) node.rack = this.#once(rackOf(/** @type {Node} */ (node)));
    return isNew;
  }

  /** @param {string} name @param {any} value */
  #value(name, value) {
    if (typeof value === 'string') {
      if (OWN.has(name)) return value;
      return name.endsWith('_at') ? Date.parse(value) : this.#once(value);
    }
    if (value === null || typeof value !== 'object') return value;
    return this.#once(`\0${JSON.stringify(value)}`, value);
  }

  /** @param {string} key @param {any} [value] */
  #once(key, value = key) {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size >= MOST_TEXTS) this.#kept.clear();
    this.#kept.set(key, Object.freeze(value));
    return value;
  }
}
