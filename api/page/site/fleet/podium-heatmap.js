import { link } from '../core/address.js';
import { h, Part, setText } from '../core/elements.js';
import { byKey, natural } from '../core/names.js';
import { COLOURINGS, SHADES, shadeOf, stateOf } from '../core/words.js';
import { Picture, lookOf, paintCell } from './cells.js';
import { layOut } from './layout.js';

/** @typedef {import('../core/fleet.js').Node} Node */

/** Sizes of cells in CSS pixels; fingers need larger cells than a mouse pointer. */
const [LARGEST, SMALLEST, SMALLEST_TOUCHED, SWATCH] = [46, 2, 7, 14];
/** If more cells than these have changed, all are drawn. */
const FEW = 300;
/** Also in the legend: the last known power is shown, but is no longer certain. */
const FAILING = { key: 'failing', label: 'failing' };
/** What has to be redone: changed cells, all cells, or their places. */
const [SOME, ALL, PLACES] = [0, 1, 2];

/** A cell for each shown node, by rack, coloured as the address says. The table has the same in words. */
class PodiumHeatmap extends Part {
  /** @type {Node[]} in the order of their cells */ nodes = [];
  /** @type {Picture | null} */ picture = null;
  /** For each node: four times its shade, plus 2 if it fails, plus 1 if it is chosen. */
  #codes = new Uint8Array();
  /** @type {import('../core/words.js').Colouring} */ #colouring = 'power';
  /** @type {readonly import('../core/words.js').Shade[]} */ #shades = [];
  #stale = PLACES;
  #canvas = h('canvas', { role: 'img' });
  #spacer = h('div');
  /** The text about the node under the pointer. */
  #tip = h('p', { class: 'tip', hidden: true });
  /** Has the focus, so that keys scroll it. */
  scroller = h('div', { class: 'scroller', role: 'group', 'aria-label': 'Heat map', tabindex: 0 },
    this.#canvas, this.#spacer);
  #buttons = COLOURINGS.map((colour) =>
    h('button', { onclick: () => this.page.address.write({ colour }) }, colour));
  #legend = h('ul', { class: 'row quiet', 'aria-label': 'Nodes shown' });

  show() {
    const { fleet, shown, choice, address } = this.page;
    const choices = h('div', { class: 'row', role: 'group', 'aria-label': 'Colour by' }, this.#buttons);
    this.replaceChildren(h('div', { class: 'row' }, choices, this.#legend), this.scroller, this.#tip);
    this.listen(shown, 'change', ({ detail }) => detail?.order !== false && this.#redo(PLACES));
    this.soonAfter([fleet, 'change'], [choice, 'change']);
    this.listen(address, 'change', () => this.#recolour());
    this.listen(this.scroller, 'scroll', () => [this.#redo(ALL), this.#point()]);
    this.listen(this.scroller, 'pointerleave', () => this.#point());
    this.listen(this.scroller, 'pointermove', (event) => this.#point(this.#nodeAt(event)));
    this.listen(this.scroller, 'click', (event) => {
      const node = this.#nodeAt(event);
      if (node) choice.click(event, node.uuid, this.nodes);
    });
    this.listen(this.scroller, 'dblclick', (event) => {
      const node = this.#nodeAt(event);
      if (node) location.hash = link('nodes', node.name);
    });
    const colours = matchMedia('(prefers-color-scheme: dark), (forced-colors: active)');
    this.listen(colours, 'change', () => this.#redo(PLACES));
    this.measure(this.scroller, () => this.#redo(PLACES));
    this.#recolour();
  }

  /** @param {number} what */
  #redo(what) {
    this.#stale = Math.max(this.#stale, what);
    this.soon();
  }

  #recolour() {
    const asked = this.page.address.read().query.colour;
    const colouring = COLOURINGS.find((one) => one === asked) ?? COLOURINGS[0];
    if (colouring === this.#colouring && this.#legend.firstChild) return;  // only the filter has changed
    this.#colouring = colouring;
    COLOURINGS.forEach((one, at) => { this.#buttons[at].ariaPressed = String(one === this.#colouring); });
    this.#shades = [...SHADES[this.#colouring], ...(this.#colouring === 'power' ? [FAILING] : [])];
    this.#legend.replaceChildren(...this.#shades.map(({ key, label }) => {
      const swatch = h('canvas', { 'data-shade': key });
      swatch.style.background = `var(--${this.#colouring.replace(' ', '-')}-${key}, var(--power-on))`;
      return h('li', {}, swatch, label, h('b'));
    }));
    this.#redo(PLACES);
  }

  refresh() {
    const stale = this.#stale;
    this.#stale = SOME;
    const picture = this.picture = stale < PLACES && this.picture || this.#dressed(this.#arrange());
    const others = this.#recode();
    if (stale < ALL && others.length <= FEW) picture.drawSome(others, this.#codes);
    else picture.draw(this.#codes, Math.round(this.scroller.scrollTop * picture.unit));
  }

  /** @param {MouseEvent} event @returns the node whose cell is there */
  #nodeAt({ clientX, clientY }) {
    const { left, top } = this.scroller.getBoundingClientRect();
    const unit = this.picture?.unit ?? 1;
    const [x, y] = [clientX - left, clientY - top + this.scroller.scrollTop];
    return this.nodes[this.picture?.layout.at(x * unit, y * unit) ?? -1];
  }

  /** Show which node is under the pointer. @param {Node} [node] */
  #point(node) {
    this.#tip.hidden = !node;
    if (!node) return;
    const way = node.target_power_state && `${node.target_power_state} under way`;
    const words = [node.name, stateOf(node), way, node.health?.status, node.maintenance && 'maintenance',
      node.power_failures > 0 && 'failing'];
    setText(this.#tip, words.filter(Boolean).join(' · '));
  }

  /** Find the racks and the place of each cell, and give the canvas the size of the view. */
  #arrange() {
    const groups = Map.groupBy(this.page.shown.nodes, (/** @type {Node} */ { rack }) => rack);
    const racks = [...groups].map(([name, nodes]) =>
      ({ name, nodes, count: nodes.length, key: natural(name) })).sort(byKey);
    this.nodes = racks.flatMap(({ nodes }) => nodes);
    this.#codes = new Uint8Array(this.nodes.length);
    const [unit, most] = [devicePixelRatio, parseFloat(getComputedStyle(this.scroller).maxHeight)];
    const width = Math.floor(this.scroller.clientWidth * unit);
    const height = Math.floor((most || this.scroller.clientHeight) * unit);
    const isTouched = matchMedia('(pointer: coarse), (max-width: 600px)').matches;
    const smallest = (isTouched ? SMALLEST_TOUCHED : SMALLEST) * unit;
    const layout = layOut(racks, { width, height, unit, smallest, largest: LARGEST * unit });
    const seen = Math.max(1, Math.min(layout.height, height));
    Object.assign(this.#canvas, { width: Math.max(1, width), height: seen });
    Object.assign(this.#canvas.style, { width: `${width / unit}px`, height: `${seen / unit}px` });
    this.#spacer.style.height = `${(layout.height - seen) / unit}px`;
    return layout;
  }

  /** Read the present colours.  @param {import('./layout.js').Layout} layout */
  #dressed(layout) {
    const [unit, style] = [devicePixelRatio, getComputedStyle(this)];
    const { color: text, backgroundColor: ground, fontFamily: font } = style;
    const swatches = [...this.#legend.querySelectorAll('canvas')];
    const looks = swatches.map((swatch) => lookOf(swatch, text, ground));
    const colours = { text, ground, font, quiet: getComputedStyle(this.#legend).color };
    const all = looks.flatMap((look) => [look, { ...look, mark: 'old', ink: text }]);
    swatches.forEach((swatch, at) => {
      swatch.width = swatch.height = SWATCH * unit;
      const context = swatch.getContext('2d');
      if (context) paintCell(context, looks[at], swatch.width, unit, ground);
    });
    return new Picture(this.#canvas, layout, unit, all, colours);
  }

  /** Compute the present look of each node, and describe it. @returns {number[]} the places that changed */
  #recode() {
    const { choice, fleet } = this.page;
    const [colouring, now, others] = [this.#colouring, fleet.now(), /** @type {number[]} */ ([])];
    const each = this.#shades.map(() => 0);
    const codes = new Map(this.#shades.map(({ key }, at) => [key, 4 * at]));
    this.nodes.forEach((node, at) => {
      const fails = colouring === 'power' && node.power_failures > 0;
      const shade = codes.get(shadeOf(node, colouring, now)) ?? 0;
      const code = shade + 2 * Number(fails) + Number(choice.has(node.uuid));
      if (code !== this.#codes[at]) others.push(at);
      this.#codes[at] = code;
      each[code >> 2]++;
      if (fails) each[each.length - 1]++;
    });
    const counts = each.map((count) => count.toLocaleString('en'));
    this.#legend.querySelectorAll('b').forEach((count, at) => setText(count, counts[at]));
    const words = this.#shades.map((shade, at) => `${counts[at]} ${shade.label}`).join(', ');
    const all = this.nodes.length.toLocaleString('en');
    const label = `${all} nodes by rack and ${this.#colouring}: ${words}. The table has the same.`;
    if (this.#canvas.ariaLabel !== label) this.#canvas.ariaLabel = label;
    return others;
  }
}

customElements.define('podium-heatmap', PodiumHeatmap);
