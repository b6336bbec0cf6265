import { link } from '../core/address.js';
import { h, Part, setText } from '../core/elements.js';
import { age, stateOf } from '../core/words.js';

/** @typedef {import('../core/fleet.js').Node} Node */

/** Rows above and below the view. */
const SPARE = 6;
const KEYS = `Arrow keys, Page Up, Page Down, Home and End move. Enter opens the node. Where one may, Space
  chooses a node, Shift with a key that moves a range, Control A all that are shown, Escape none.`;

/** The texts of the columns. @type {Record<string, (node: Node, now: number) => string>} */
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
const NAMES = Object.keys(COLUMNS);

/** A row of the table; it shows different nodes while people scroll. */
class NodeRow {
  #link = h('a', { tabindex: -1 });
  #cells = NAMES.map((name, place) => h('div', { 'role': name === 'name' ? 'rowheader' : 'gridcell',
    'aria-colindex': place + 1, 'class': /power|health/.test(name) ? `${name} mark` : name },
  name === 'name' && this.#link));
  element = h('div', { role: 'row' }, this.#cells);

  /** @param {Node} node @param {number} now the server's time in milliseconds */
  show(node, now) {
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
    const tabIndex = isActive ? 0 : -1; // Tab leads to only one row; the head is the first row
    Object.assign(this.element, { tabIndex, ariaRowIndex: place + 2, ariaSelected: isChosen });
    this.element.style.top = `${top}px`;
  }
}

/**
 * The shown nodes as a table. Only the rows in view, and the row with the focus, are elements.
 *
 * The body is as high as all rows together, 2.8 million pixels at 100,000 nodes; browsers allow 17 million,
 * which leaves room for a zoom of 500 %.
 */
class PodiumTable extends Part {
  /** @type {Node[]} */ #list = [];
  /** By the UUIDs of their nodes. @type {Map<string, NodeRow>} */ #rows = new Map();
  /** The row that Tab leads to: its node, and its place in the list. */
  #active = '';
  #place = 0;
  #height = 28;
  #all = h('input', { type: 'checkbox', 'aria-label': 'Choose all nodes that are shown' });
  #head = h('div', { role: 'row', 'aria-rowindex': 1 }, NAMES.map((name, place) =>
    h('div', { role: 'columnheader', 'aria-colindex': place + 1, class: name }, place ? name : this.#all)));
  #body = h('div', { role: 'rowgroup', class: 'body' });
  #grid = h('div', { role: 'grid', 'aria-label': 'Nodes', 'aria-description': KEYS,
    'aria-multiselectable': 'true', 'aria-colcount': NAMES.length },
    h('div', { role: 'rowgroup', class: 'head' }, this.#head), this.#body);
  #empty = h('p', { role: 'status', class: 'quiet' });
  #view = h('div', { class: 'view' }, this.#grid, this.#empty);

  show() {
    const { fleet, shown, choice, session, stream } = this.page;
    this.replaceChildren(this.#view);
    this.listen(shown, 'change', () => this.#take());
    this.listen(choice, 'change', () => this.#follow());
    this.soonAfter([fleet, 'change'], [fleet, 'phase'], [session, 'change'], [stream, 'state']);
    this.soonAfter([this.#view, 'scroll']);
    // Shift selects ranges of nodes; without it, text can be selected.
    this.listen(this.#body, 'mousedown', (event) => event.shiftKey && event.preventDefault());
    this.listen(this.#body, 'click', (event) => this.#click(event));
    this.listen(this.#body, 'dblclick', ({ target }) => target.matches('.choose') || this.#open(target));
    this.listen(this.#body, 'focusin', (event) => this.#activate(placeOf(event)));
    this.listen(this.#grid, 'keydown', (event) => this.#key(event) && event.preventDefault());
    this.listen(this.#all, 'change', () => (this.#all.checked ? choice.all(this.#list) : choice.set([])));
    this.every(1, () => this.soon()); // ages grow
    this.measure(this.#view, () => this.soon());
    this.#take();
  }

  #take() {
    const hadFocus = this.#body.contains(document.activeElement);
    this.#list = this.page.shown.nodes;
    const place = this.#list.findIndex(({ uuid }) => uuid === this.#active);
    this.#activate(place < 0 ? Math.min(this.#place, this.#list.length - 1) : place);
    if (hadFocus && place < 0) this.#goTo(this.#place);
  }

  /** Scroll to a node that was chosen elsewhere. */
  #follow() {
    const { anchor, size } = this.page.choice;
    const place = size === 1 ? this.#list.findIndex(({ uuid }) => uuid === anchor) : -1;
    if (place >= 0 && !this.contains(document.activeElement)) this.#goTo(place, false);
    this.soon();
  }

  refresh() {
    const { fleet, session, stream, choice, shown } = this.page;
    const count = this.#list.length;
    this.toggleAttribute('data-watching', !session.may('operator'));
    this.toggleAttribute('data-old', stream.state !== 'live');
    this.#height = this.#head.offsetHeight || this.#height;
    this.#grid.ariaRowCount = String(count + 1);
    this.#body.style.height = `${count * this.#height}px`;
    const none = fleet.nodes.size ? 'No node meets the filter' : 'None yet: podium node import enrols nodes';
    setText(this.#empty, count ? '' : fleet.phase === 'loading' ? 'Loading the nodes' : none);
    this.#draw();
    const chosen = choice.size ? this.#list.filter(({ uuid }) => choice.has(uuid)).length : 0;
    this.#all.disabled = !shown.isInForce;
    this.#all.checked = count > 0 && chosen === count;
    this.#all.indeterminate = chosen > 0 && chosen < count;
  }

  /** Create the elements of the rows in view, in order. */
  #draw() {
    const { fleet, choice } = this.page;
    const places = this.#placesInView();
    const nodes = places.map((place) => this.#list[place]);
    const wanted = new Set(nodes.map(({ uuid }) => uuid));
    const spare = [...this.#rows].filter(([uuid]) => !wanted.has(uuid));
    for (const [uuid, row] of spare) {
      this.#rows.delete(uuid);
      row.element.remove();
    }
    let next = this.#body.firstElementChild;
    nodes.forEach((node, at) => {
      const row = this.#rows.get(node.uuid) ?? spare.pop()?.[1] ?? new NodeRow();
      this.#rows.set(node.uuid, row);
      row.show(node, fleet.now());
      row.put(places[at], places[at] * this.#height, choice.has(node.uuid), places[at] === this.#place);
      if (row.element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(row.element, next);
    });
  }

  #placesInView() {
    const first = Math.max(0, Math.floor(this.#view.scrollTop / this.#height) - SPARE);
    const last = Math.min(this.#list.length, first + this.#inView + 2 * SPARE);
    const places = Array.from({ length: Math.max(0, last - first) }, (_, more) => first + more);
    if (!this.#active || places.includes(this.#place)) return places;
    return this.#place < first ? [this.#place, ...places] : [...places, this.#place];
  }

  get #inView() { return Math.max(1, Math.floor(this.#view.clientHeight / this.#height) - 1); }

  /** @param {number} place */
  #activate(place) {
    this.#place = Math.max(0, place);
    this.#active = this.#list[this.#place]?.uuid ?? '';
    this.soon();
  }

  /** Bring a row into view, with or without the focus. @param {number} place @param {boolean} [hasFocus] */
  #goTo(place, hasFocus = true) {
    this.#activate(Math.min(place, this.#list.length - 1));
    const top = this.#place * this.#height;
    const least = top + 2 * this.#height - this.#view.clientHeight;
    this.#view.scrollTop = Math.max(least, Math.min(top, this.#view.scrollTop));
    this.#draw();
    if (hasFocus) this.#rows.get(this.#active)?.element.focus({ preventScroll: true });
  }

  /** @param {Element} [within] the row of the node to open */
  #open(within) { within?.closest('[data-node]')?.querySelector('a')?.click(); }

  /** @param {MouseEvent} event */
  #click(event) {
    const { choice } = this.page;
    const target = /** @type {Element} */ (event.target);
    const uuid = this.#list[placeOf(event)]?.uuid;
    if (!uuid || target.matches('a')) return;
    if (target.matches('.choose') && !event.shiftKey) choice.toggle(uuid);
    else choice.click(event, uuid, this.#list);
  }

  /** Handle a key. @param {KeyboardEvent} event @returns {boolean} whether the key has a function */
  #key(event) {
    const { choice, shown } = this.page;
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: this.#inView, PageUp: -this.#inView, ' ': 0,
      Home: -Infinity, End: Infinity };
    const from = choice.anchor ?? this.#active;
    if ((ctrlKey || metaKey) && key === 'a') choice.all(shown.isInForce ? this.#list : []);
    else if (key === 'Escape') choice.set([]);
    else if (altKey || placeOf(event) < 0 || !(key in steps || key === 'Enter')) return false;
    else if (key === 'Enter') this.#open(this.#rows.get(this.#active)?.element);
    else {
      this.#goTo(this.#place + steps[key]);
      if (shiftKey) choice.range(from, this.#active, this.#list, ctrlKey);
      else if (key === ' ') choice.toggle(this.#active);
    }
    return true;
  }
}

/** @param {Event} event @returns {number} the place of its row; negative without a row */
function placeOf({ target }) {
  return Number(/** @type {Element} */ (target).closest('[data-node]')?.ariaRowIndex ?? 0) - 2;
}

customElements.define('podium-table', PodiumTable);
