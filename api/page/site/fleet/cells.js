/**
 * What cells look like: a colour, and where there is room a mark, so that nothing hangs on colour alone.
 * @typedef {{fill: string, ink: string, mark: string, corner?: boolean}} Look ink: of the mark, and of the
 *   corner that is for maintenance
 * @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context
 */

/** From which size, in CSS pixels, a cell has room for a mark. */
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
  const corner = swatch.dataset.shade === 'maintenance';
  return { fill: getComputedStyle(swatch).backgroundColor, ink, mark, corner };
}

/**
 * Paint a cell at the origin.
 * @param {Context} context @param {Look} look @param {number} side @param {number} unit pixels of a CSS pixel
 * @param {string} ground what is behind the cells @param {string} [ring] around a cell that is chosen
 */
export function paintCell(context, { fill, ink, mark, corner }, side, unit, ground, ring) {
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
  context.fillStyle = ink;
  const half = side / 2;
  if (corner) context.fill(new Path2D(`M${side} ${half}V${side}H${half}Z`));
  if (!isMarked) return;
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of LINES[mark] ?? []) {
    context.moveTo(fromX * side, fromY * side);
    context.lineTo(toX * side, toY * side);
  }
  frame(ink, Math.max(unit, Math.min(side / 8, 2 * unit)) / 2);
}

/**
 * The pixels of each look, not chosen and chosen: those of look i are at 2 * i and 2 * i + 1.
 * @param {Look[]} looks @param {number} side @param {number} unit @param {string} ground @param {string} ring
 */
export function spritesOf(looks, side, unit, ground, ring) {
  return looks.flatMap((look) => [undefined, ring].map((around) => {
    const canvas = new OffscreenCanvas(side, side);
    const context = /** @type {Context} */ (canvas.getContext('2d', { willReadFrequently: true }));
    paintCell(context, look, side, unit, ground, around);
    return new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
  }));
}
