import { NUMBERED, spritesOf } from './cells.js';

/**
 * @typedef {import('./layout.js').Layout} Layout
 * @typedef {import('../core/fleet.js').Node} Node
 * @typedef {{text: string, quiet: string, ground: string, font: string}} Style
 */

/** The picture of cells, as far as they are in view. Their pixels are put together before it is drawn. */
export class Picture {
  #image = new ImageData(1, 1);
  #pixels = new Uint32Array(this.#image.data.buffer);
  /** @type {Uint32Array[]} */ #sprites = [];
  /** @type {import('./cells.js').Look[]} */ #looks = [];
  #top = 0;

  /** @param {HTMLCanvasElement} canvas @param {Layout} layout @param {number} unit pixels of a CSS pixel */
  constructor(canvas, layout, unit) {
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.layout = layout;
    this.unit = unit;
    /** Numbers stand in the cells, so that a change of one is drawn with all others. */
    this.isNumbered = layout.size >= NUMBERED * unit;
  }

  /** @param {import('./cells.js').Look[]} looks @param {Style} style @param {boolean} faint */
  wear(looks, style, faint) {
    const side = this.layout.size - this.layout.gap;
    this.#looks = looks;
    this.style = style;
    this.#sprites = spritesOf(looks, side, this.unit, { ground: style.ground, ring: style.text }, faint);
  }

  /** @param {Uint8Array} codes their sprites @param {Node[]} nodes @param {number} top of the view */
  draw(codes, nodes, top) {
    const { canvas } = this.context;
    if (this.#image.width !== canvas.width || this.#image.height !== canvas.height) {
      this.#image = new ImageData(canvas.width, canvas.height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    } else this.#pixels.fill(0);
    this.#top = top;
    const { shelf, shelfFirst, columnFirst, columnX, head, size } = this.layout;
    const first = Math.max(0, Math.floor(top / shelf));
    const last = Math.min(shelfFirst.length - 1, Math.ceil((top + canvas.height) / shelf));
    for (let at = first; at < last; at++) {
      for (let column = shelfFirst[at]; column < shelfFirst[at + 1]; column++) {
        let y = at * shelf + head - top;
        for (let index = columnFirst[column]; index < columnFirst[column + 1]; index++, y += size) {
          this.#blit(this.#sprites[codes[index]], columnX[column], y);
        }
      }
    }
    this.context.putImageData(this.#image, 0, 0);
    this.#write(codes, nodes, columnFirst[shelfFirst[first]], columnFirst[shelfFirst[last]]);
  }

  /** @param {Iterable<number>} places of nodes whose sprites are others now @param {Uint8Array} codes */
  drawSome(places, codes) {
    const side = this.layout.size - this.layout.gap;
    for (const place of places) {
      const { x, y } = this.layout.place(place);
      const at = y - this.#top;
      if (at + side <= 0 || at >= this.#image.height) continue;
      this.#blit(this.#sprites[codes[place]], x, at);
      this.context.putImageData(this.#image, 0, 0, x, at, side, side);
    }
  }

  /** @param {Uint32Array} sprite @param {number} x @param {number} y */
  #blit(sprite, x, y) {
    const side = this.layout.size - this.layout.gap;
    const { width, height } = this.#image;
    const seen = Math.min(side, width - x);
    const last = Math.min(side, height - y);
    for (let row = Math.max(0, -y); row < last; row++) {
      const from = row * side;
      const to = (y + row) * width + x;
      for (let at = 0; at < seen; at++) this.#pixels[to + at] = sprite[from + at];
    }
  }

  /**
   * Write the names of racks, and the numbers of nodes.
   * @param {Uint8Array} codes @param {Node[]} nodes @param {number} from @param {number} to
   */
  #write(codes, nodes, from, to) {
    const { context, unit, layout, style } = this;
    if (!style) return;
    context.font = `${11 * unit}px ${style.font}`;
    context.textBaseline = 'top';
    context.fillStyle = style.quiet;
    for (const { text, x, y, width } of layout.labels) {
      const at = y - this.#top;
      if (at <= -20 * unit || at >= context.canvas.height) continue;
      context.fillText(text, x, at + unit, width - 2 * unit);
    }
    if (!this.isNumbered) return;
    context.textBaseline = 'alphabetic';
    for (let index = from; index < to; index++) {
      const { x, y } = layout.place(index);
      const number = /\d+\D*$/.exec(nodes[index].name)?.[0] ?? '';
      context.fillStyle = this.#looks[codes[index] >> 1].ink;
      const side = layout.size - layout.gap;
      context.fillText(number, x + 6 * unit, y + side - 6 * unit - this.#top, side - 12 * unit);
    }
  }
}
