import { spritesOf } from './cells.js';

/** @typedef {{text: string, quiet: string, ground: string, font: string}} Style */

/** The picture of cells, as far as they are in view. Their pixels are put together before it is drawn. */
export class Picture {
  #top = 0;

  /**
   * @param {HTMLCanvasElement} canvas @param {import('./layout.js').Layout} layout
   * @param {number} unit pixels of a CSS pixel @param {import('./cells.js').Look[]} looks
   * @param {Style} style
   */
  constructor(canvas, layout, unit, looks, style) {
    this.layout = layout;
    this.unit = unit;
    this.style = style;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.side = layout.size - layout.gap;
    this.sprites = spritesOf(looks, this.side, unit, style.ground, style.text);
    this.image = new ImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** @param {Uint8Array} codes their sprites @param {number} top */
  draw(codes, top) {
    const { x: left, y: above, labels } = this.layout;
    this.#top = top;
    this.pixels.fill(0);
    above.forEach((y, at) => this.#put(this.sprites[codes[at]], left[at], y - top));
    this.context.putImageData(this.image, 0, 0);
    const { context, unit, style: { font, quiet } } = this;
    Object.assign(context, { font: `${11 * unit}px ${font}`, fillStyle: quiet });
    for (const { text, x, y, width } of labels) context.fillText(text, x, y + 10 * unit - top, width);
  }

  /** @param {number[]} places of nodes whose sprites are others now @param {Uint8Array} codes */
  drawSome(places, codes) {
    for (const place of places) {
      const [x, y] = [this.layout.x[place], this.layout.y[place] - this.#top];
      this.#put(this.sprites[codes[place]], x, y);
      this.context.putImageData(this.image, 0, 0, x, y, this.side, this.side);
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
