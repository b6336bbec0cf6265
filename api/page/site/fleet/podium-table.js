import { h, Part, setText } from '../core/elements.js';
import { NAMES, NodeRow } from './row.js';

/** @typedef {import('../core/fleet.js').Node} Node */

/** Rows above and below the view. */
const SPARE = 6;
const KEYS = `Arrow keys, Page Up, Page Down, Home and End move. Enter opens the node. Where one may, Space
  chooses a node, Shift with a key that moves a range, Control A all that are shown, Escape none.`;

/**
 * The shown nodes as a table. Only the rows in view, and that with the focus, are elements.
 *
 * The body is as high as all rows together, 2.8 million pixels at 100,000 nodes; browsers take 17 million,
 * which leaves room for a zoom of 500 %.
 */
class PodiumTable extends Part {
  /** @type {Node[]} */ #list = [];
  /** By the UUIDs of their nodes. @type {Map<string, NodeRow>} */ #rows = new Map();
  /** Of the row that Tab leads to: its node, and the place in the list. */
  #active = '';
  #place = 0;
  #height = 28;
  #all = h('input', { type: 'checkbox', 'aria-label': 'Choose all nodes that are shown' });
  #head = h('div', { role: 'row', 'aria-rowindex': 1 }, NAMES.map((name, place) =>
    h('div', { role: 'columnheader', 'aria-colindex': place + 1, class: name }, place ? name : this.#all)));
  #body = h('div', { role: 'rowgroup', class: 'body' });
  #grid = h('div', { role: 'grid', 'aria-label': 'Nodes', 'aria-describedby': 'podium-table-keys',
    'aria-multiselectable': 'true', 'aria-colcount': NAMES.length },
    h('div', { role: 'rowgroup', class: 'head' }, this.#head), this.#body);
  #keys = h('p', { id: 'podium-table-keys', class: 'hidden' }, KEYS);
  #empty = h('p', { role: 'status', class: 'quiet' });
  #view = h('div', { class: 'view' }, this.#grid, this.#empty);

  show() {
    const { fleet, shown, choice, session, stream } = this.page;
    this.replaceChildren(this.#view, this.#keys);
    this.listen(shown, 'change', () => this.#take());
    this.listen(choice, 'change', () => this.#follow());
    this.listen(fleet, 'change', ({ detail }) => this.#update(({ node }) => detail.nodes.has(node)));
    this.soonAfter([fleet, 'phase'], [session, 'change'], [stream, 'state'], [this.#view, 'scroll']);
    // Shift is for ranges of nodes: without it, text can be selected.
    this.listen(this.#body, 'mousedown', (event) => event.shiftKey && event.preventDefault());
    this.listen(this.#body, 'click', (event) => this.#click(event));
    this.listen(this.#body, 'dblclick', ({ target }) => target.matches('.choose') || this.#open(target));
    this.listen(this.#body, 'focusin', (event) => this.#activate(placeOf(event)));
    this.listen(this.#grid, 'keydown', (event) => this.#key(event) && event.preventDefault());
    this.listen(this.#all, 'change', () => (this.#all.checked ? choice.all(this.#list) : choice.set([])));
    this.every(1, () => document.hidden || this.#update(() => true)); // ages grow
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

  /** Go to a node that was chosen elsewhere. */
  #follow() {
    const { anchor, size } = this.page.choice;
    const place = size === 1 ? this.#list.findIndex(({ uuid }) => uuid === anchor) : -1;
    if (place >= 0 && !this.contains(document.activeElement)) this.#goTo(place, false);
    this.soon();
  }

  /** @param {(row: NodeRow) => boolean} which */
  #update(which) {
    const now = this.page.fleet.now();
    for (const row of this.#rows.values()) if (row.node && which(row)) row.show(row.node, now);
  }

  refresh() {
    const { fleet, session, stream, choice, shown } = this.page;
    const count = this.#list.length;
    this.toggleAttribute('data-watching', !session.may('operator'));
    this.toggleAttribute('data-old', stream.state !== 'live');
    this.#height = this.#head.offsetHeight || this.#height;
    this.#grid.ariaRowCount = String(count + 1);
    this.#body.style.height = `${count * this.#height}px`;
    const isLoading = fleet.phase === 'loading';
    const none = isLoading ? 'Loading the nodes' : 'No nodes yet: podium node import enrols some';
    setText(this.#empty, count ? '' : fleet.nodes.size ? 'No node meets the filter' : none);
    this.#draw();
    const chosen = choice.size ? this.#list.filter(({ uuid }) => choice.has(uuid)).length : 0;
    this.#all.disabled = !shown.isInForce;
    this.#all.checked = count > 0 && chosen === count;
    this.#all.indeterminate = chosen > 0 && chosen < count;
  }

  /** Have the rows in view as elements, in their order. */
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

  /** Bring a row into view, with the focus or without. @param {number} place @param {boolean} [hasFocus] */
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

  /** Do what a key is for. @param {KeyboardEvent} event @returns {boolean} whether it is one of those */
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

/** @param {Event} event @returns {number} the place of the row that it is of; negative without one */
function placeOf({ target }) {
  return Number(/** @type {Element} */ (target).closest('[data-node]')?.ariaRowIndex ?? 0) - 2;
}

customElements.define('podium-table', PodiumTable);
