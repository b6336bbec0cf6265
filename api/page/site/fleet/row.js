import { link } from '../core/address.js';
import { h, setText } from '../core/elements.js';
import { age, stateOf } from '../core/words.js';

/** @typedef {import('../core/fleet.js').Node} Node */

/** What the columns say. @type {Record<string, (node: Node, now: number) => string>} */
const COLUMNS = {
  'choose': () => '',
  'name': ({ name }) => name,
  'power': stateOf,
  'health': (node) => node.health?.status ?? '',
  'age': (node, now) => (node.power_checked_at === null ? 'never read' : age(now - node.power_checked_at)),
  'notes': ({ target_power_state: target, maintenance, fault, last_error: error }) =>
    [target && `${target} under way`, maintenance && ['maintenance', fault].filter(Boolean).join(': '), error]
      .filter(Boolean).join(' · '),
  'rack': ({ rack }) => rack,
  'conductor': (node) => node.conductor?.split('/')[0] ?? 'none',
};
export const NAMES = Object.keys(COLUMNS);

/** A row of the table, which shows one node after the other while people scroll. */
export class NodeRow {
  /** @type {Node | null} */ node = null;
  #link = h('a', { tabindex: -1 });
  #cells = NAMES.map((name, place) => h('div', { 'role': name === 'name' ? 'rowheader' : 'gridcell',
    'aria-colindex': place + 1, 'class': /power|health/.test(name) ? `${name} mark` : name },
  name === 'name' && this.#link));
  element = h('div', { role: 'row' }, this.#cells);

  /** @param {Node} node @param {number} now the server's time in milliseconds */
  show(node, now) {
    this.node = node;
    this.#link.href = link('nodes', node.name);
    this.#cells.forEach((cell, place) => {
      cell.title = COLUMNS[NAMES[place]](node, now);
      setText(place === 1 ? this.#link : cell, cell.title);
    });
    const state = this.#cells[2].dataset.state = stateOf(node);
    this.#cells[3].dataset.health = node.health?.status ?? '';
    Object.assign(this.element.dataset, { node: node.name, state });
    this.element.toggleAttribute('data-maintenance', node.maintenance);
    this.element.toggleAttribute('data-failing', node.power_failures > 0);
  }

  /** @param {number} place from 0 @param {number} top @param {boolean} isChosen @param {boolean} isActive */
  put(place, top, isChosen, isActive) {
    const tabIndex = isActive ? 0 : -1; // Tab leads to one row alone; the head is the first of all
    Object.assign(this.element, { tabIndex, ariaRowIndex: place + 2, ariaSelected: isChosen });
    this.element.style.top = `${top}px`;
  }
}
