/**
 * Where the cell of each node goes: racks side by side on shelves, as large as the room allows.
 * @typedef {{name: string, count: number}} Rack
 * @typedef {object} Area in device pixels
 * @property {number} width @property {number} height @property {number} smallest @property {number} largest
 * @property {number} unit how many make a CSS pixel @property {number} expected how many nodes there will be
 * @typedef {{text: string, x: number, y: number, width: number}} Label
 */

const [MOST_ROWS, LONGEST_LABEL, LETTER, LINE, ENOUGH] = [20, 12, 6.4, 14, 12];

/** The cells of racks: those of a rack go down its columns; the columns go along shelves of equal height. */
export class Layout {
  /** @param {Rack[]} racks @param {Area} area @param {number} rows of cells @param {number} size of a cell */
  constructor(racks, { unit, width }, rows, size) {
    this.rows = rows;
    this.size = size;
    this.gap = size >= 5 * unit ? Math.max(1, Math.round(unit * (size >= 16 * unit ? 2 : 1))) : 0;
    const letters = racks.reduce((most, { name }) => Math.max(most, Math.min(LONGEST_LABEL, name.length)), 0);
    const average = racks.reduce((sum, rack) => sum + Math.ceil(rack.count / rows), 0) / (racks.length || 1);
    const room = Math.ceil(letters * LETTER * unit);
    /** Names go above the racks where they fit, else the first of a shelf goes beside it. */
    this.above = average * size >= room;
    this.head = this.above ? Math.round(LINE * unit) : 0;
    this.margin = this.above ? 0 : Math.min(room + 4 * unit, Math.round(width / 4));
    this.between = Math.round(Math.min(10 * unit, Math.max(unit, size * (this.above ? 0.6 : 0.4))));
    this.shelf = this.head + rows * size + this.between;
    /** @type {number[]} */ this.columnX = [];
    /** @type {number[]} the first node of each column */ this.columnFirst = [];
    /** @type {number[]} the first column of each shelf */ this.shelfFirst = [];
    /** @type {Label[]} */ this.labels = [];
    this.count = 0;
    this.#fill(racks, width, LINE * unit);
    this.columnFirst.push(this.count);
    this.height = this.shelfFirst.length * this.shelf;
    this.shelfFirst.push(this.columnX.length);
  }

  /** @param {Rack[]} racks @param {number} width @param {number} line */
  #fill(racks, width, line) {
    let [x, lastLabel] = [Infinity, -Infinity];
    for (const rack of racks) {
      const columns = Math.ceil(rack.count / this.rows);
      const length = columns * this.size;
      if (x + length > width && x > this.margin) x = this.#nextShelf();
      const y = (this.shelfFirst.length - 1) * this.shelf;
      if (this.above) this.labels.push({ text: rack.name, x, y, width: Math.min(length, width - x) });
      else if (x === this.margin && y - lastLabel >= line) {
        this.labels.push({ text: rack.name, x: 0, y, width: this.margin });
        lastLabel = y;
      }
      for (let column = 0; column < columns; column++) {
        if (x + this.size > width && x > this.margin) x = this.#nextShelf();
        this.columnX.push(x);
        this.columnFirst.push(this.count + column * this.rows);
        x += this.size;
      }
      this.count += rack.count;
      x += this.between;
    }
  }

  #nextShelf() {
    this.shelfFirst.push(this.columnX.length);
    return this.margin;
  }

  /** @param {number} x @param {number} y @returns the index of the node whose cell is there, or -1 */
  at(x, y) {
    const shelf = Math.floor(y / this.shelf);
    const row = Math.floor((y - shelf * this.shelf - this.head) / this.size);
    if (shelf < 0 || shelf >= this.shelfFirst.length - 1 || row < 0 || row >= this.rows) return -1;
    const column = lastAtMost(this.columnX, x, this.shelfFirst[shelf], this.shelfFirst[shelf + 1]);
    if (column < 0 || x >= this.columnX[column] + this.size) return -1;
    const index = this.columnFirst[column] + row;
    return index < this.columnFirst[column + 1] ? index : -1;
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
 * @param {number[]} ascending @param {number} value @param {number} from @param {number} to
 * @returns the place of the last number of this part that is not above the value; -1 without any
 */
function lastAtMost(ascending, value, from, to) {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low > from ? low - 1 : -1;
}

/** @param {Rack[]} racks @returns how many rows and columns make a usual rack a bit wider than high */
function shapeOf(racks) {
  const counts = racks.map((rack) => rack.count).sort((a, b) => a - b);
  const usual = counts[counts.length >> 1] ?? 1;
  const rows = Math.min(MOST_ROWS, Math.max(1, Math.round(Math.sqrt(usual / 1.6))));
  return { rows, columns: Math.ceil(usual / rows) };
}

/**
 * @param {Rack[]} racks @param {Area} area
 * @returns the layout with the largest cells that fit; where none fits, the smallest, higher than the area
 */
export function layOut(racks, area) {
  const { rows, columns } = shapeOf(racks);
  // A rack is not broken in two for cells that are larger than they need to be.
  const unbroken = Math.floor(area.width / columns);
  const largest = unbroken >= ENOUGH * area.unit ? Math.min(area.largest, unbroken) : area.largest;
  let [low, high] = [Math.round(area.smallest), Math.round(largest)];
  let best = new Layout(racks, area, rows, low);
  const growth = Math.max(1, area.expected / (best.count || 1));
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const tried = new Layout(racks, area, rows, middle);
    if (tried.height * growth <= area.height) [low, best] = [middle, tried];
    else high = middle - 1;
  }
  return best;
}
