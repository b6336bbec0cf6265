import { h, Part, setText } from '../core/elements.js';
import { natural } from '../core/natural.js';
import { COLOURINGS, SHADES, shadeOf } from '../core/words.js';
import { lookOf, MARKED, paintCell } from './cells.js';
import { layOut } from './layout.js';
import { Picture } from './picture.js';
import { Pointing } from './pointing.js';

/** @typedef {import('../core/fleet.js').Node} Node */
/** @typedef {import('../core/words.js').Colouring} Colouring */

/** Sizes of cells in CSS pixels; fingers need larger ones than the pointer of a mouse. */
const [LARGEST, SMALLEST, SMALLEST_TOUCHED] = [46, 2, 7];
/** More cells than these are drawn with all others. */
const FEW = 300;
/** What has to be done anew: the colour of some nodes, of all, where the cells are, which nodes there are. */
const [SOME, ALL, PLACES, NODES] = [0, 1, 2, 3];

/** A cell for each shown node, by rack, coloured as the address asks. The table has the same in words. */
class PodiumHeatmap extends Part {
  /** @type {Node[]} in the order of their cells */ nodes = [];
  /** @type {Picture | null} */ picture = null;
  /** @type {import('./layout.js').Rack[]} */ #racks = [];
  /** @type {Map<Node, number> | null} */ #places = null;
  /** Of each node twice its shade, and one more if it is chosen. */
  #codes = new Uint8Array();
  /** @type {Set<Node>} */ #changed = new Set();
  /** @type {Colouring} */ #colouring = 'power';
  /** @type {number[]} how many nodes have each shade */ #counts = [];
  /** @type {HTMLCanvasElement[]} of the legend */ #swatches = [];
  #stale = NODES;
  #isFaint = false;
  #endAges = () => {};

  show() {
    this.canvas = h('canvas', { role: 'img' });
    this.spacer = h('div');
    this.pointer = h('div', { class: 'pointer', hidden: true });
    this.scroller = h('div', { class: 'scroller' }, this.canvas, this.spacer, this.pointer);
    this.tip = h('div', { class: 'tip', hidden: true });
    const colours = COLOURINGS.map((one) =>
      h('button', { 'data-colour': one, onclick: () => this.#colour(one) }, one));
    this.colours = h('div', { class: 'row colours', role: 'group', 'aria-label': 'Colour by' }, ...colours);
    this.legend = h('ul', { class: 'row', 'aria-label': 'Nodes shown' });
    const head = h('div', { class: 'row head' }, this.colours, this.legend);
    this.replaceChildren(head, this.scroller, this.tip);
    this.#recolour();
    this.#follow(this.scroller);
  }

  /** @param {HTMLElement} scroller */
  #follow(scroller) {
    const { fleet, shown, choice, address } = this.page;
    this.listen(fleet, 'change', ({ detail }) => this.#note(detail.nodes));
    this.listen(shown, 'change', () => this.#redo(NODES));
    this.listen(choice, 'change', () => this.#redo(ALL));
    this.listen(address, 'change', () => this.#recolour());
    this.listen(scroller, 'scroll', () => this.#redo(ALL));
    for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      this.listen(matchMedia(query), 'change', () => this.#redo(PLACES));
    }
    const resizing = new ResizeObserver(() => this.#redo(PLACES));
    resizing.observe(scroller);
    this.ends.signal.addEventListener('abort', () => resizing.disconnect());
    this.ends.signal.addEventListener('abort', () => this.#endAges());
    this.every(5, () => this.#colouring === 'age' && this.#redo(ALL));
    new Pointing(this).follow();
  }

  /** @param {number} what */
  #redo(what) {
    this.#stale = Math.max(this.#stale, what);
    this.soon();
  }

  /** @param {Set<Node>} nodes that have changed */
  #note(nodes) {
    if (nodes.size + this.#changed.size > FEW) return this.#redo(ALL);
    for (const node of nodes) this.#changed.add(node);
    this.soon();
  }

  /** @param {Colouring} colouring */
  #colour(colouring) {
    this.page.address.write({ colour: colouring === 'power' ? null : colouring }, { replace: true });
  }

  #recolour() {
    const asked = this.page.address.read().query.colour;
    this.#colouring = COLOURINGS.find((one) => one === asked) ?? 'power';
    this.#endAges();
    this.#endAges = this.#colouring === 'age' ? this.page.fleet.watchAll() : () => {};
    for (const button of this.colours?.children ?? []) {
      button.setAttribute('aria-pressed', String(button.getAttribute('data-colour') === this.#colouring));
    }
    const shades = SHADES[this.#colouring];
    this.#swatches = shades.map(({ key }) => h('canvas', { 'data-shade': key }));
    for (const swatch of this.#swatches) {
      swatch.style.background = `var(--${this.#colouring.replace(' ', '-')}-${swatch.dataset.shade})`;
    }
    this.legend?.replaceChildren(...shades.map(({ label }, at) =>
      h('li', {}, this.#swatches[at], label, h('b'))));
    this.#redo(PLACES);
  }

  refresh() {
    const [stale, changed] = [this.#stale, this.#changed];
    [this.#stale, this.#changed] = [SOME, new Set()];
    if (stale >= NODES) this.#group();
    if (stale >= PLACES) this.#arrange();
    const { picture, scroller } = this;
    if (!picture || !scroller) return;
    const isFaint = this.page.choice.size > 0 && picture.layout.size < MARKED * picture.unit;
    if (stale >= PLACES || isFaint !== this.#isFaint) this.#dress(picture, isFaint);
    if (stale >= ALL || picture.isNumbered) {
      this.#codeAll();
      picture.draw(this.#codes, this.nodes, Math.round(scroller.scrollTop * picture.unit));
    } else picture.drawSome(this.#recode(changed), this.#codes);
    this.#count();
  }

  /** Find the racks of the nodes, and their order. */
  #group() {
    /** @type {Map<string, Node[]>} */
    const racks = new Map();
    for (const node of this.page.shown.nodes) {
      const others = racks.get(node.rack);
      if (others) others.push(node);
      else racks.set(node.rack, [node]);
    }
    const sorted = [...racks].map(([name, nodes]) => ({ name, nodes, key: natural(name) }));
    sorted.sort((one, other) => (one.key < other.key ? -1 : 1));
    this.nodes = sorted.flatMap(({ nodes }) => nodes);
    this.#racks = sorted.map(({ name, nodes }) => ({ name, count: nodes.length }));
    this.#codes = new Uint8Array(this.nodes.length);
    this.#places = null;
  }

  /** Find the place of each cell, and give the canvas the size of what is in view. */
  #arrange() {
    const { canvas, scroller, spacer } = this;
    if (!canvas || !scroller || !spacer) return;
    const unit = devicePixelRatio;
    const most = parseFloat(getComputedStyle(scroller).maxHeight);
    const width = Math.floor(scroller.clientWidth * unit);
    const height = Math.floor((most || scroller.clientHeight) * unit);
    const isTouched = matchMedia('(pointer: coarse)').matches || scroller.clientWidth < 600;
    const smallest = (isTouched ? SMALLEST_TOUCHED : SMALLEST) * unit;
    const { fleet, shown } = this.page;
    const expected = fleet.phase === 'loading' && !shown.filter ? fleet.total : 0;
    const layout = layOut(this.#racks, { width, height, unit, smallest, largest: LARGEST * unit, expected });
    const seen = Math.max(1, Math.min(layout.height, height));
    Object.assign(canvas, { width: Math.max(1, width), height: seen });
    Object.assign(canvas.style, { width: `${width / unit}px`, height: `${seen / unit}px` });
    spacer.style.height = `${(layout.height - seen) / unit}px`;
    this.picture = new Picture(canvas, layout, unit);
  }

  /** Read what cells look like. @param {Picture} picture @param {boolean} isFaint */
  #dress(picture, isFaint) {
    this.#isFaint = isFaint;
    const style = getComputedStyle(this);
    const { color: text, backgroundColor: ground, fontFamily: font } = style;
    const looks = this.#swatches.map((swatch) => lookOf(swatch, text, ground));
    picture.wear(looks, { text, ground, font, quiet: style.getPropertyValue('--quiet') }, isFaint);
    this.#swatches.forEach((swatch, at) => {
      const side = 14 * picture.unit;
      Object.assign(swatch, { width: side, height: side });
      const context = swatch.getContext('2d');
      if (context) paintCell(context, looks[at], side, picture.unit, ground);
    });
  }

  /** @param {Node} node */
  #codeOf(node) {
    const shade = shadeOf(node, this.#colouring, this.page.fleet.now());
    return 2 * SHADES[this.#colouring].indexOf(shade) + Number(this.page.choice.has(node.uuid));
  }

  #codeAll() {
    this.#counts = SHADES[this.#colouring].map(() => 0);
    this.nodes.forEach((node, place) => {
      this.#codes[place] = this.#codeOf(node);
      this.#counts[this.#codes[place] >> 1]++;
    });
  }

  /** @param {Set<Node>} changed @returns {number[]} the places of those that look different now */
  #recode(changed) {
    this.#places ??= new Map(this.nodes.map((node, place) => [node, place]));
    return [...changed].flatMap((node) => {
      const place = this.#places?.get(node);
      const code = this.#codeOf(node);
      if (place === undefined || this.#codes[place] === code) return [];
      this.#counts[this.#codes[place] >> 1]--;
      this.#counts[code >> 1]++;
      this.#codes[place] = code;
      return [place];
    });
  }

  #count() {
    const counts = this.#counts.map((count) => count.toLocaleString('en'));
    this.legend?.querySelectorAll('b').forEach((count, at) => setText(count, counts[at]));
    const words = SHADES[this.#colouring].map((shade, at) => `${counts[at]} ${shade.label}`).join(', ');
    const all = this.nodes.length.toLocaleString('en');
    const label = `${all} nodes by rack and ${this.#colouring}: ${words}. The table has the same.`;
    if (this.canvas?.ariaLabel !== label) this.canvas?.setAttribute('aria-label', label);
  }
}

customElements.define('podium-heatmap', PodiumHeatmap);
export { PodiumHeatmap };
