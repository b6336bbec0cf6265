/**
 * The look of cells: a colour and, where there is room, a mark, so that nothing depends on colour alone.
 * @typedef {{fill: string, ink: string, mark: string}} Look ink: of the mark
 * @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context
 */

/** The smallest size, in CSS pixels, of a cell with a mark. */
const MARKED = 6;
/** @type {Record<string, string>} by the key of a shade */
const MARKS = {
  off: 'hollow', 'to-off': 'hollow', none: 'hollow', error: 'cross', critical: 'cross', old: 'cross',
  warning: 'slash', hour: 'slash', reboot: 'slash', other: 'bar', unknown: 'hatch', never: 'hatch',
  failing: 'old',
};
/** @type {Record<string, number[][]>} lines across a cell: from x, y to x, y */
const LINES = {
  slash: [[0.2, 0.8, 0.8, 0.2]],
  bar: [[0.2, 0.5, 0.8, 0.5]],
  old: [[0.5, 0.1, 0.5, 0.6], [0.5, 0.75, 0.5, 0.95]],
  cross: [[0.22, 0.22, 0.78, 0.78], [0.22, 0.78, 0.78, 0.22]],
  hatch: [[0, 0.4, 0.4, 0], [0, 0.8, 0.8, 0], [0.2, 1, 1, 0.2], [0.6, 1, 1, 0.6]],
};

/** @param {HTMLElement} swatch has the colour @param {string} text @param {string} ground @returns {Look} */
export function lookOf(swatch, text, ground) {
  const mark = MARKS[swatch.dataset.shade ?? ''] ?? '';
  const ink = ['hollow', 'hatch', 'old'].includes(mark) ? text : ground;
  return { fill: getComputedStyle(swatch).backgroundColor, ink, mark };
}

/**
 * Paint a cell at the origin.
 * @param {Context} context @param {Look} look @param {number} side @param {number} unit pixels of a CSS pixel
 * @param {string} ground what is behind the cells @param {string} [ring] around a chosen cell
 */
export function paintCell(context, { fill, ink, mark }, side, unit, ground, ring) {
  const isMarked = side >= MARKED * unit;
  context.roundRect(0, 0, side, side, side >= 9 * unit ? side / 7 : 0);
  context.clip();
  const frame = (/** @type {string} */ colour, /** @type {number} */ width) => {
    context.strokeStyle = colour;
    context.lineWidth = 2 * width; // of which one half is clipped
    context.stroke();
  };
  context.fillStyle = fill;
  context.fill();
  context.fillStyle = ground;
  const isPale = mark === 'hollow' || mark === 'old';
  context.globalAlpha = mark === 'old' ? 0.7 : isMarked ? 0.85 : 0.45;
  if (isPale) context.fill();
  context.globalAlpha = 1;
  const thick = Math.max(unit, Math.round(side / 12));
  if (ring) frame(ground, thick + unit);
  if (ring || (isPale && isMarked)) frame(ring ?? fill, thick);
  if (!isMarked) return;
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of LINES[mark] ?? []) {
    context.moveTo(fromX * side, fromY * side);
    context.lineTo(toX * side, toY * side);
  }
  frame(ink, Math.max(unit, Math.min(side / 8, 2 * unit)) / 2);
}

/**
 * The pixels of each look, unchosen and chosen: those of look i are at 2 * i and 2 * i + 1.
 * @param {Look[]} looks @param {number} side @param {number} unit @param {string} ground @param {string} ring
 */
function spritesOf(looks, side, unit, ground, ring) {
  return looks.flatMap((look) => [undefined, ring].map((around) => {
    const canvas = new OffscreenCanvas(side, side);
    const context = /** @type {Context} */ (canvas.getContext('2d', { willReadFrequently: true }));
    paintCell(context, look, side, unit, ground, around);
    return new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
  }));
}

/** @typedef {{text: string, quiet: string, ground: string, font: string}} Style */

/** The picture of the cells in view. Their pixels are combined before it is drawn. */
export class Picture {
  #top = 0;

  /**
   * @param {HTMLCanvasElement} canvas @param {import('./layout.js').Layout} layout
   * @param {number} unit pixels of a CSS pixel @param {Look[]} looks
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

  /** @param {number[]} places of nodes whose sprites have changed @param {Uint8Array} codes */
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
