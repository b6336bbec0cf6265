/**
 * What cells look like: a colour, and where there is room a mark, so that nothing hangs on colour alone.
 * The colours are read from the swatches of the legend, so that the style sheet decides.
 * @typedef {{fill: string, ink: string, mark: string}} Look ink: of the mark, and of a number
 * @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context
 */

/** From which size, in CSS pixels, a cell has room for a mark, and for a number beside it. */
export const [MARKED, NUMBERED] = [6, 24];
/** @type {Record<string, number[][]>} lines across a cell: from x, y to x, y */
const LINES = {
  slash: [[0.2, 0.8, 0.8, 0.2]],
  bar: [[0.2, 0.5, 0.8, 0.5]],
  cross: [[0.22, 0.22, 0.78, 0.78], [0.22, 0.78, 0.78, 0.22]],
  hatch: [[0, 0.4, 0.4, 0], [0, 0.8, 0.8, 0], [0.2, 1, 1, 0.2], [0.6, 1, 1, 0.6]],
};

/** @type {Record<string, string>} by the key of a shade */
const MARKS = {
  off: 'hollow', 'to-off': 'hollow', none: 'hollow', error: 'cross', critical: 'cross', old: 'cross',
  warning: 'slash', hour: 'slash', reboot: 'slash', other: 'bar', unknown: 'hatch', never: 'hatch',
};

/** @param {HTMLElement} swatch @param {string} text @param {string} ground @returns {Look} */
export function lookOf(swatch, text, ground) {
  const mark = MARKS[swatch.dataset.shade ?? ''] ?? '';
  const ink = mark === 'hollow' || mark === 'hatch' ? text : ground;
  return { fill: getComputedStyle(swatch).backgroundColor, ink, mark };
}

/**
 * @param {Context} context @param {string} colour @param {number} side of the cell
 * @param {number} inset @param {number} width of the frame
 */
function frame(context, colour, side, inset, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  const from = inset + width / 2;
  context.strokeRect(from, from, side - 2 * from, side - 2 * from);
}

/**
 * Paint a cell at the origin.
 * @param {Context} context @param {Look} look @param {number} side @param {number} unit pixels of a CSS pixel
 * @param {string} ground what is behind the cells @param {string} [ring] around a cell that is chosen
 */
export function paintCell(context, { fill, ink, mark }, side, unit, ground, ring) {
  context.beginPath();
  context.roundRect(0, 0, side, side, side >= 9 * unit ? side / 7 : 0);
  context.clip();
  context.fillStyle = fill;
  context.fillRect(0, 0, side, side);
  const isMarked = side >= MARKED * unit;
  const thick = isMarked ? Math.max(unit, Math.round(side / 12)) : 0;
  if (mark === 'hollow') {
    context.fillStyle = ground;
    context.globalAlpha *= isMarked ? 0.85 : 0.45;
    context.fillRect(thick, thick, side - 2 * thick, side - 2 * thick);
    context.globalAlpha = 1;
  }
  if (!isMarked) return;
  const [left, top, part] = side >= NUMBERED * unit ? [0.56 * side, 0.08 * side, 0.36 * side] : [0, 0, side];
  context.strokeStyle = ink;
  context.lineWidth = Math.max(unit, Math.min(part / 8, 2 * unit));
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of LINES[mark] ?? []) {
    context.moveTo(left + fromX * part, top + fromY * part);
    context.lineTo(left + toX * part, top + toY * part);
  }
  context.stroke();
  if (ring) {
    frame(context, ring, side, 0, thick);
    frame(context, ground, side, thick, unit);
  }
}

/**
 * The pixels of each look, not chosen and chosen: those of look i are at 2 * i and 2 * i + 1.
 * @param {Look[]} looks @param {number} side @param {number} unit
 * @param {{ground: string, ring: string}} colours
 * @param {boolean} faint whether what is not chosen steps back, where cells have no room for a ring
 */
export function spritesOf(looks, side, unit, { ground, ring }, faint) {
  return looks.flatMap((look) => [undefined, ring].map((around) => {
    const context = /** @type {Context} */ (new OffscreenCanvas(side, side).getContext('2d'));
    if (faint && !around) context.globalAlpha = 0.3;
    paintCell(context, look, side, unit, ground, around);
    return new Uint32Array(context.getImageData(0, 0, side, side).data.buffer);
  }));
}
