// Converts rows of nodes from the API into the records of the fleet.

import { natural, rackOf } from './names.js';

/** @typedef {typeof BLANK & {[column: string]: any}} Node */

const text = /** @type {string|null} */ (null);
const time = /** @type {number|null} */ (null);
const health = /** @type {{status: string, reasons: string[]}|null} */ (null);
/** The fields that are requested of every node; times are milliseconds of the server's clock. */
const ASKED = {
  uuid: '', name: '', 'extra.rack': text, power_state: text, target_power_state: text,
  wanted_power_state: text, power_checked_at: time, power_failures: 0, health, health_checked_at: time,
  last_error: text, maintenance: false, fault: text, driver: '', conductor: text, conductor_group: '',
  provision_state: '', owner: text, power_requested_by: text,
};
export const BASE = Object.keys(ASKED);
/** A node with all its fields from the beginning takes a third of the memory. Its key gives natural order. */
const BLANK = { ...ASKED, key: '', rack: '' };
/** The columns whose changes are not reported. */
export const UNSEEN = [
  'uuid', 'power_checked_at', 'power_failures', 'health', 'health_checked_at', 'conductor',
];
/** Columns whose texts nodes rarely share. */
const OWN = new Set(['uuid', 'name']);
/** The most texts that are kept for sharing; errors may differ for every node. */
const MOST_TEXTS = 20_000;

/** Makes records of rows; equal values are kept once. */
export class Records {
  /** The columns of every node, and their places in rows: extra.rack is an entry of a mapping. */
  #columns = BASE.map(placeOf);
  /** @type {Map<string, any>} texts by themselves, and objects by their JSON */
  #kept = new Map();

  get fields() { return this.#columns.map(({ column }) => column); }

  /** The fields to request for added columns: a mapping comes with all its entries. */
  get added() { return ['uuid', 'extra.rack', ...this.fields.slice(BASE.length)]; }

  /** Use these columns and the base from now on. @param {readonly string[]} columns */
  know(columns) { this.#columns = [...new Set([...BASE, ...columns])].map(placeOf); }

  /** @param {Record<string, any>} row @returns {Node} the record of a row */
  made(row) {
    const node = { ...BLANK, key: natural(row.name) };
    this.put(node, row);
    return node;
  }

  /**
   * Put the values of a row into a node; a mapping in it has all known entries.
   * @param {Record<string, any>} node @param {Record<string, any>} row
   * @returns {boolean} whether anything is different
   */
  put(node, row) {
    let isNew = false;
    for (const { column, field, key } of this.#columns) {
      if (!(field in row)) continue;
      const value = this.#value(column, key === undefined ? row[field] : entryOf(row, field, key));
      if (node[column] === value) continue;
      node[column] = value;
      isNew = true;
    }
    if (isNew && 'extra' in row) node.rack = this.#once(rackOf(/** @type {Node} */ (node)));
    return isNew;
  }

  /** @param {string} column @param {any} value */
  #value(column, value) {
    if (typeof value === 'string') {
      if (OWN.has(column)) return value;
      return column.endsWith('_at') ? Date.parse(value) : this.#once(value);
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

/** @param {string} column @returns {{column: string, field: string, key?: string}} */
function placeOf(column) {
  const [, field = column, key] = /^(.*?)\.(.*)$/s.exec(column) ?? [];
  return { column, field, key };
}

/** @param {Record<string, any>} row @param {string} mapping @param {string} key */
function entryOf(row, mapping, key) {
  const entries = row[mapping] ?? {};
  return Object.hasOwn(entries, key) ? entries[key] : null;
}
