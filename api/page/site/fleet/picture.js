import { NUMBERED, spritesOf } from './cells.js';

/** @typedef {{text: string, quiet: string, ground: string, font: string}} Style */

/** The picture of cells, as far as they are in view. Their pixels are put together before it is drawn. */
export class Picture {
  #top = 0;

  /**
   * @param {HTMLCanvasElement} canvas @param {import('./layout.js').Layout} layout
   * @param {number} unit pixels of a CSS pixel @param {import('./cells.js').Look[]} looks
   * @param {Style} style @param {boolean} isFaint
   */
  constructor(canvas, layout, unit, looks, style, isFaint) {
    this.layout = layout;
    this.unit = unit;
    this.looks = looks;
    this.style = style;
    this.isFaint = isFaint;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.side = layout.size - layout.gap;
    this.sprites = spritesOf(looks, this.side, unit, style.ground, style.text, isFaint);
    this.image = new ImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    /** Numbers stand in the cells, so that a change of one is drawn with all others. */
    this.isNumbered = layout.size >= NUMBERED * unit;
  }

  /** @param {Uint8Array} codes their sprites @param {{name: string}[]} nodes @param {number} top */
  draw(codes, nodes, top) {
    const { layout, layout: { shelf, shelfFirst, columnFirst, columnX, head, size } } = this;
    this.#top = top;
    this.pixels.fill(0);
    const first = Math.max(0, Math.floor(top / shelf));
    const last = Math.min(shelfFirst.length - 1, Math.ceil((top + this.image.height) / shelf));
    for (let at = first; at < last; at++) {
      for (let column = shelfFirst[at]; column < shelfFirst[at + 1]; column++) {
        let y = at * shelf + head - top;
        for (let index = columnFirst[column]; index < columnFirst[column + 1]; index++, y += size) {
          this.#put(this.sprites[codes[index]], columnX[column], y);
        }
      }
    }
    this.context.putImageData(this.image, 0, 0);
    const [inset, line, { quiet }] = [7 * this.unit, 10 * this.unit, this.style];
    for (const { text, x, y, width } of layout.labels) this.#write(text, x, y + line, width, quiet);
    if (!this.isNumbered) return;
    for (let at = columnFirst[shelfFirst[first]]; at < columnFirst[shelfFirst[last]]; at++) {
      const { x, y } = layout.place(at);
      const [number, { ink }] = [/\d+\D*$/.exec(nodes[at].name)?.[0] ?? '', this.looks[codes[at] >> 1]];
      this.#write(number, x + inset, y + this.side - inset, this.side - 2 * inset, ink);
    }
  }

  /** @param {string} text @param {number} x @param {number} y @param {number} width @param {string} colour */
  #write(text, x, y, width, colour) {
    const { context, unit } = this;
    context.font = `${11 * unit}px ${this.style.font}`;
    context.fillStyle = colour;
    const at = y - this.#top;
    if (at > 0 && at < this.image.height + 20 * unit) context.fillText(text, x, at, width);
  }

  /** @param {number[]} places of nodes whose sprites are others now @param {Uint8Array} codes */
  drawSome(places, codes) {
    for (const place of places) {
      const { x, y } = this.layout.place(place);
      this.#put(this.sprites[codes[place]], x, y - this.#top);
      this.context.putImageData(this.image, 0, 0, x, y - this.#top, this.side, this.side);
    }
  }

  /** @param {Uint32Array} sprite @param {number} x @param {number} y */
  #put(sprite, x, y) {
    const { side, pixels, image: { width, height } } = this;
    const [right, last] = [Math.min(side, width - x), Math.min(side, height - y)];
    for (let row = Math.max(0, -y); row < last; row++) {
      const [from, to] = [row * side, (y + row) * width + x];
      for (let at = 0; at < right; at++) pixels[to + at] = sprite[from + at];
    }
  }
}
