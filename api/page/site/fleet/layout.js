/** Where the cell of each node goes: racks side by side on shelves, as large as the room allows. */

/** @typedef {{name: string, count: number}} Rack */

const [MOST_ROWS, LONGEST_LABEL, LETTER, LINE, ENOUGH, APART] = [20, 12, 6.4, 14, 12, 6];

/** Cells of racks: those of a rack go down its columns; the columns go along shelves of equal height. */
export class Layout {
  /** @type {number[]} */ columnX = [];
  /** @type {number[]} the first node of each column */ columnFirst = [];
  /** @type {number[]} the first column of each shelf */ shelfFirst = [];
  /** @type {{text: string, x: number, y: number, width: number}[]} */ labels = [];
  count = 0;
  #x = Infinity;

  /**
   * @param {Rack[]} racks @param {number} width @param {number} unit @param {number} rows
   * @param {number} size @param {number} more between racks than they need
   */
  constructor(racks, width, unit, rows, size, more = 0) {
    this.rows = rows;
    this.size = size;
    this.width = width;
    this.gap = size < 5 * unit ? 0 : Math.round(size < 16 * unit ? unit : 2 * unit);
    const letters = racks.reduce((most, { name }) => Math.max(most, Math.min(LONGEST_LABEL, name.length)), 0);
    const columns = racks.reduce((sum, { count }) => sum + Math.ceil(count / rows), 0);
    const room = Math.ceil(letters * LETTER * unit);
    // Names go above the racks where they fit, else that of the first rack of a shelf goes beside it.
    const isAbove = columns * size >= room * racks.length;
    this.head = isAbove ? Math.round(LINE * unit) : 0;
    this.margin = isAbove ? 0 : Math.floor(Math.min(room + 4 * unit, width / 4));
    this.between = Math.round(Math.min(10 * unit, Math.max(unit, size * (isAbove ? 0.6 : 0.4)))) + more;
    this.shelf = this.head + rows * size + this.between;
    for (const rack of racks) this.#add(rack, isAbove, LINE * unit);
    this.columnFirst.push(this.count);
    this.height = this.shelfFirst.length * this.shelf;
    this.shelfFirst.push(this.columnX.length);
  }

  /** @param {Rack} rack @param {boolean} isAbove @param {number} line */
  #add({ name, count }, isAbove, line) {
    this.#ensure(Math.ceil(count / this.rows) * this.size);
    const [x, y] = [this.#x, (this.shelfFirst.length - 1) * this.shelf];
    const isNext = x === this.margin && y >= (this.labels[this.labels.length - 1]?.y ?? -line) + line;
    if (isAbove) this.labels.push({ text: name, x, y, width: Math.ceil(count / this.rows) * this.size });
    else if (isNext) this.labels.push({ text: name, x: 0, y, width: this.margin });
    for (let first = 0; first < count; first += this.rows) {
      this.#ensure(this.size);
      this.columnX.push(this.#x);
      this.columnFirst.push(this.count + first);
      this.#x += this.size;
    }
    this.count += count;
    this.#x += this.between;
  }

  /** Begin a new shelf unless there is room on this one, or nothing yet.  @param {number} length */
  #ensure(length) {
    if (this.#x + length <= this.width || this.#x === this.margin) return;
    this.shelfFirst.push(this.columnX.length);
    this.#x = this.margin;
  }

  /** @param {number} x @param {number} y @returns the index of the node whose cell is there, or -1 */
  at(x, y) {
    const shelf = Math.floor(y / this.shelf);
    const row = Math.floor((y - shelf * this.shelf - this.head) / this.size);
    if (shelf < 0 || shelf >= this.shelfFirst.length - 1 || row < 0 || row >= this.rows) return -1;
    const column = lastAtMost(this.columnX, x, this.shelfFirst[shelf], this.shelfFirst[shelf + 1]);
    const [left, index] = [x - this.columnX[column], this.columnFirst[column] + row];
    return left >= 0 && left < this.size && index < this.columnFirst[column + 1] ? index : -1;
  }

  /** @param {number} index @returns where the cell of this node begins */
  place(index) {
    const column = lastAtMost(this.columnFirst, index, 0, this.columnX.length);
    const shelf = lastAtMost(this.shelfFirst, column, 0, this.shelfFirst.length - 1);
    const row = index - this.columnFirst[column];
    return { x: this.columnX[column], y: shelf * this.shelf + this.head + row * this.size };
  }
}

/**
 * @param {number[]} ascending @param {number} value @param {number} low @param {number} high
 * @returns the place of the last number of this part that is not above the value; one before it without any
 */
function lastAtMost(ascending, value, low, high) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * @param {Rack[]} racks
 * @param {{[key in 'width' | 'height' | 'unit' | 'smallest' | 'largest' | 'expected']: number}} area
 *   in device pixels; unit: how many make a CSS pixel; expected: how many nodes there will be
 * @returns the layout with the largest cells that fit; where none fits, the smallest, higher than the area
 */
export function layOut(racks, { width, height, unit, smallest, largest, expected }) {
  const usual = racks.map(({ count }) => count).sort((a, b) => a - b)[racks.length >> 1] ?? 1;
  // A rack is a bit wider than high: its name fits above it. It is not broken in two for larger cells.
  const rows = Math.min(MOST_ROWS, Math.max(1, Math.round(Math.sqrt(usual / 1.6))));
  const unbroken = Math.floor(width / Math.ceil(usual / rows));
  const most = unbroken < ENOUGH * unit ? largest : Math.min(largest, unbroken);
  let [low, high] = [smallest, most].map(Math.round);
  let best = new Layout(racks, width, unit, rows, low);
  const growth = Math.max(1, expected / (best.count || 1));
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const tried = new Layout(racks, width, unit, rows, middle);
    if (tried.height * growth <= height) [low, best] = [middle, tried];
    else high = middle - 1;
  }
  for (let more = 1; best.between < APART * unit; more++) {
    const tried = new Layout(racks, width, unit, rows, best.size, more);
    if (tried.height * growth > height) break;
    best = tried;
  }
  return best;
}
