import { h, Part, setText } from '../core/elements.js';
import { natural } from '../core/natural.js';
import { COLOURINGS, SHADES, shadeOf } from '../core/words.js';
import { CLEAR, lookOf, paintCell } from './cells.js';
import { layOut } from './layout.js';
import { Picture } from './picture.js';
import { follow } from './pointing.js';

/** @typedef {import('../core/fleet.js').Node} Node */

/** Sizes of cells in CSS pixels; fingers need larger ones than the pointer of a mouse. */
const [LARGEST, SMALLEST, SMALLEST_TOUCHED, SWATCH] = [46, 2, 7, 14];
/** More cells than these are drawn with all others. */
const FEW = 300;
/** While a fleet loads, how many times as long as it draws the page does something else. */
const RESTS = 8;
/** Of the legend too: what the power was is shown, but is no longer sure. */
const FAILING = { key: 'failing', label: 'failing' };
/** What has to be done anew: the colour of some nodes, of all, where the cells are. */
const [SOME, ALL, PLACES] = [0, 1, 2];

/** A cell for each shown node, by rack, coloured as the address asks. The table has the same in words. */
export class PodiumHeatmap extends Part {
  /** @type {Node[]} in the order of their cells */ nodes = [];
  /** @type {Picture | null} */ picture = null;
  /** @type {Map<Node, number> | null} */ #places = null;
  /** Of each node four times its shade, two more if it fails, and one more if it is chosen. */
  #codes = new Uint8Array();
  /** @type {Set<Node>} */ #changed = new Set();
  /** @type {import('../core/words.js').Colouring} */ #colouring = 'power';
  /** @type {readonly import('../core/words.js').Shade[]} */ #shades = [];
  /** @type {number[]} how many nodes have each shade */ #counts = [];
  /** @type {HTMLCanvasElement[]} of the legend */ #swatches = [];
  #stale = PLACES;
  #endAges = () => {};
  /** Until when nodes may come before they are drawn. */
  #rests = 0;
  #canvas = h('canvas', { role: 'img' });
  #spacer = h('div');
  pointer = h('div', { class: 'pointer', hidden: true });
  tip = h('div', { class: 'tip', hidden: true });
  scroller = h('div', { class: 'scroller', role: 'group', 'aria-label': 'Heat map' },
    this.#canvas, this.#spacer, this.pointer);
  #buttons = COLOURINGS.map((colour) =>
    h('button', { onclick: () => this.page.address.write({ colour }) }, colour));
  #legend = h('ul', { class: 'row', 'aria-label': 'Nodes shown' });

  show() {
    const { fleet, shown, choice, address } = this.page;
    const colours = h('div', { class: 'row', role: 'group', 'aria-label': 'Colour by' }, ...this.#buttons);
    this.replaceChildren(h('div', { class: 'row' }, colours, this.#legend), this.scroller, this.tip);
    this.listen(fleet, 'change', ({ detail }) => this.#note(detail.nodes));
    this.listen(shown, 'change', ({ detail }) => detail?.order !== false && this.#redo(PLACES));
    this.listen(choice, 'change', () => this.#redo(ALL));
    this.listen(address, 'change', () => this.#recolour());
    this.listen(this.scroller, 'scroll', () => this.#redo(ALL));
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      this.listen(matchMedia(query), 'change', () => this.#redo(PLACES));
    }
    const resizing = new ResizeObserver(() => this.#redo(PLACES));
    resizing.observe(this.scroller);
    this.ends.signal.addEventListener('abort', () => resizing.disconnect());
    this.ends.signal.addEventListener('abort', () => this.#endAges());
    this.every(5, () => this.#colouring === 'age' && this.#redo(ALL));
    follow(this);
    this.#recolour();
  }

  /** @param {number} what */
  #redo(what) {
    this.#stale = Math.max(this.#stale, what);
    this.soon();
  }

  /** @param {Set<Node>} nodes that have changed */
  #note(nodes) {
    const isMany = nodes.size + this.#changed.size > FEW;
    if (!isMany) for (const node of nodes) this.#changed.add(node);
    this.#redo(isMany ? ALL : SOME);
  }

  #recolour() {
    const asked = this.page.address.read().query.colour;
    this.#colouring = COLOURINGS.find((one) => one === asked) ?? COLOURINGS[0];
    this.#endAges();
    this.#endAges = this.#colouring === 'age' ? this.page.fleet.watchAll() : () => {};
    COLOURINGS.forEach((one, at) => { this.#buttons[at].ariaPressed = String(one === this.#colouring); });
    this.#swatches = [];
    this.#shades = [...SHADES[this.#colouring], ...(this.#colouring === 'power' ? [FAILING] : [])];
    this.#legend.replaceChildren(...this.#shades.map(({ key, label }) => {
      const swatch = h('canvas', { 'data-shade': key });
      swatch.style.background = `var(--${this.#colouring.replace(' ', '-')}-${key}, var(--power-on))`;
      this.#swatches.push(swatch);
      return h('li', {}, swatch, label, h('b'));
    }));
    this.#redo(PLACES);
  }

  refresh() {
    const begun = performance.now();
    const early = this.#stale < PLACES ? 0 : this.#rests - begun;
    if (early > 0) return void setTimeout(() => this.isConnected && this.soon(), early);
    const [stale, changed] = [this.#stale, this.#changed];
    [this.#stale, this.#changed] = [SOME, new Set()];
    const layout = stale >= PLACES || !this.picture ? this.#arrange() : this.picture.layout;
    const isFaint = this.page.choice.size > 0 && layout.size < CLEAR * devicePixelRatio;
    if (layout !== this.picture?.layout || isFaint !== this.picture.isFaint) this.#dress(layout, isFaint);
    const { picture } = this;
    if (picture && (stale >= ALL || picture.isNumbered)) {
      this.#counts = this.#swatches.map(() => 0);
      const now = this.page.fleet.now();
      this.nodes.forEach((node, at) => this.#tally(this.#codes[at] = this.#codeOf(node, now), 1));
      picture.draw(this.#codes, this.nodes, Math.round(this.scroller.scrollTop * picture.unit));
    } else picture?.drawSome(this.#recode(changed), this.#codes);
    this.#count();
    this.#rests = this.page.fleet.phase === 'loading' ? begun + RESTS * (performance.now() - begun) : 0;
  }

  /** Find the racks and the place of each cell, and give the canvas the size of what is in view. */
  #arrange() {
    const { fleet, shown } = this.page;
    const racks = [...Map.groupBy(shown.nodes, (/** @type {Node} */ { rack }) => rack)].map(([name, nodes]) =>
      ({ name, nodes, count: nodes.length, key: natural(name) }));
    racks.sort((one, other) => (one.key < other.key ? -1 : 1));
    this.nodes = racks.flatMap(({ nodes }) => nodes);
    this.#codes = new Uint8Array(this.nodes.length);
    this.#places = null;
    const [unit, most] = [devicePixelRatio, parseFloat(getComputedStyle(this.scroller).maxHeight)];
    const width = Math.floor(this.scroller.clientWidth * unit);
    const height = Math.floor((most || this.scroller.clientHeight) * unit);
    const isTouched = matchMedia('(pointer: coarse)').matches || this.scroller.clientWidth < 600;
    const smallest = (isTouched ? SMALLEST_TOUCHED : SMALLEST) * unit;
    const expected = fleet.phase === 'loading' && !shown.filter ? fleet.total : 0;
    const layout = layOut(racks, { width, height, unit, smallest, largest: LARGEST * unit, expected });
    const seen = Math.max(1, Math.min(layout.height, height));
    Object.assign(this.#canvas, { width: Math.max(1, width), height: seen });
    Object.assign(this.#canvas.style, { width: `${width / unit}px`, height: `${seen / unit}px` });
    this.#spacer.style.height = `${(layout.height - seen) / unit}px`;
    this.scroller.tabIndex = layout.height > seen ? 0 : -1; // keys scroll what has the focus
    return layout;
  }

  /** Take colours as they are now.  @param {import('./layout.js').Layout} layout @param {boolean} isFaint */
  #dress(layout, isFaint) {
    const [unit, style] = [devicePixelRatio, getComputedStyle(this)];
    const { color: text, backgroundColor: ground, fontFamily: font } = style;
    const looks = this.#swatches.map((swatch) => lookOf(swatch, text, ground));
    const colours = { text, ground, font, quiet: style.getPropertyValue('--quiet') };
    const both = looks.flatMap((look) => [look, { ...look, mark: 'old', ink: text }]);
    this.picture = new Picture(this.#canvas, layout, unit, both, colours, isFaint);
    this.#swatches.forEach((swatch, at) => {
      swatch.width = swatch.height = SWATCH * unit;
      const context = swatch.getContext('2d');
      if (context) paintCell(context, looks[at], swatch.width, unit, ground);
    });
  }

  /** @param {Node} node @param {number} now */
  #codeOf(node, now) {
    const shade = this.#shades.indexOf(shadeOf(node, this.#colouring, now));
    const fails = this.#colouring === 'power' && node.power_failures > 0;
    return 4 * shade + 2 * Number(fails) + Number(this.page.choice.has(node.uuid));
  }

  /** @param {number} code @param {number} by */
  #tally(code, by) {
    this.#counts[code >> 2] += by;
    if (code & 2) this.#counts[this.#shades.length - 1] += by;
  }

  /** @param {Set<Node>} changed @returns {number[]} the places of those that look different now */
  #recode(changed) {
    const now = this.page.fleet.now();
    const places = this.#places ??= new Map(this.nodes.map((node, place) => [node, place]));
    return [...changed].flatMap((node) => {
      const [place, code] = [places.get(node), this.#codeOf(node, now)];
      if (place === undefined || this.#codes[place] === code) return [];
      this.#tally(this.#codes[place], -1);
      this.#tally(code, 1);
      this.#codes[place] = code;
      return [place];
    });
  }

  #count() {
    const counts = this.#counts.map((count) => count.toLocaleString('en'));
    this.#legend.querySelectorAll('b').forEach((count, at) => setText(count, counts[at]));
    const words = this.#shades.map((shade, at) => `${counts[at]} ${shade.label}`).join(', ');
    const all = this.nodes.length.toLocaleString('en');
    const label = `${all} nodes by rack and ${this.#colouring}: ${words}. The table has the same.`;
    if (this.#canvas.ariaLabel !== label) this.#canvas.ariaLabel = label;
  }
}

customElements.define('podium-heatmap', PodiumHeatmap);
