/** The places of the nodes' cells: racks side by side on shelves, as large as the room allows. */

/** @typedef {{name: string, count: number}} Rack */

const [MOST_ROWS, LONGEST_LABEL, LETTER, LINE, ENOUGH, APART] = [20, 12, 6.4, 14, 12, 2];

/** The cells of racks: a rack fills its columns downwards; the columns stand on shelves of equal height. */
export class Layout {
  /** @type {{text: string, x: number, y: number, width: number}[]} */ labels = [];

  /**
   * @param {Rack[]} racks @param {number} width @param {number} unit @param {number} rows
   * @param {number} size
   */
  constructor(racks, width, unit, rows, size) {
    this.size = size;
    this.gap = size < 5 * unit ? 0 : Math.round(size < 16 * unit ? unit : 2 * unit);
    const letters = racks.reduce((most, { name }) => Math.max(most, Math.min(LONGEST_LABEL, name.length)), 0);
    const columns = racks.reduce((sum, { count }) => sum + Math.ceil(count / rows), 0);
    const room = Math.ceil(letters * LETTER * unit);
    // Names go above the racks if they fit; otherwise the name of a shelf's first rack goes beside it.
    const isAbove = columns * size >= room * racks.length;
    const head = isAbove ? Math.round(LINE * unit) : 0;
    const between = Math.round(Math.min(10 * unit, Math.max(APART * unit, size * (isAbove ? 0.6 : 0.4))));
    const shelf = head + rows * size + between;
    this.margin = isAbove ? 0 : Math.floor(Math.min(room + 4 * unit, width / 4));
    this.count = racks.reduce((sum, { count }) => sum + count, 0);
    /** The positions of the cells. */
    this.x = new Int32Array(this.count);
    this.y = new Int32Array(this.count);
    let [x, y, place, free] = [this.margin, 0, 0, 0];
    const make = (/** @type {number} */ length) => { // room of this length, on a new shelf if necessary
      if (x > this.margin && x + length > width) [x, y] = [this.margin, y + shelf];
    };
    for (const { name, count } of racks) {
      const length = Math.ceil(count / rows) * size;
      make(length);
      if (isAbove) this.labels.push({ text: name, x, y, width: length });
      else if (x === this.margin && y >= free) {
        this.labels.push({ text: name, x: 0, y, width: this.margin });
        free = y + LINE * unit;
      }
      for (let first = 0; first < count; first += rows, x += size) {
        make(size);
        for (let row = 0; row < Math.min(rows, count - first); row++, place++) {
          this.x[place] = x;
          this.y[place] = y + head + row * size;
        }
      }
      x += between;
    }
    this.height = this.count && y + shelf;
  }

  /** @param {number} x @param {number} y @returns the index of the node whose cell is there, or -1 */
  at(x, y) {
    const { size } = this;
    return this.x.findIndex((left, place) =>
      left <= x && x < left + size && this.y[place] <= y && y < this.y[place] + size);
  }
}

/**
 * @param {Rack[]} racks
 * @param {{[key in 'width' | 'height' | 'unit' | 'smallest' | 'largest']: number}} area
 *   in device pixels; unit: how many make a CSS pixel
 * @returns the layout with the largest cells that fit; if none fit, the smallest, higher than the area
 */
export function layOut(racks, { width, height, unit, smallest, largest }) {
  const usual = racks.map(({ count }) => count).sort((a, b) => a - b)[racks.length >> 1] ?? 1;
  // A rack is a bit wider than high, so that its name fits above it. It is not split for larger cells.
  const rows = Math.min(MOST_ROWS, Math.max(1, Math.round(Math.sqrt(usual / 1.6))));
  const unbroken = Math.floor(width / Math.ceil(usual / rows));
  const most = unbroken < ENOUGH * unit ? largest : Math.min(largest, unbroken);
  let [low, high] = [smallest, most].map(Math.round);
  let best = new Layout(racks, width, unit, rows, low);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const tried = new Layout(racks, width, unit, rows, middle);
    if (tried.height <= height) [low, best] = [middle, tried];
    else high = middle - 1;
  }
  return best;
}
