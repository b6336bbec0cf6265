/**
 * Tables that change while people read them. Rows are records of the API.
 *
 * @typedef {string | [string, (row: any) => unknown, ((row: any) => Node)?]} Column the name of a field; or a
 *   head, the text of a cell, and the element shown instead: a cell changes only when its text does
 * @typedef {string | [string, unknown, (() => Node)?]} Fact the name of a field; or a name, a value, and the
 *   element shown instead
 */
import { h, setText } from '../core/elements.js';
import { age } from '../core/words.js';

/** A table in which a row stays the same element as long as its key stays. */
export class Table {
  #body = h('tbody');
  #title = h('h2', { tabindex: -1 });
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {string} title @param {Column[]} columns @param {(row: any) => unknown} key
   * @param {string} [none] replaces the title if there are no rows; without it, nothing is shown then
   */
  constructor(title, columns, key, none = '') {
    this.titleOf = (/** @type {any[]} */ rows) => (rows.length ? title : none);
    this.columns = columns.map(column);
    this.key = key;
    const heads = h('tr', {}, this.columns.map(([label]) => h('th', { scope: 'col' }, label)));
    const head = h('thead', { hidden: !this.columns[0][0] }, heads);
    this.element = h('table', { hidden: true }, h('caption', {}, this.#title), head, this.#body);
  }

  /** @param {any[]} given in the order of display; rows stay in place while somebody may aim at a button */
  show(given) {
    const before = this.#rows;
    const hadFocus = this.element.contains(document.activeElement);
    const isAimedAt = this.element.matches(':hover, :focus-within') && this.#body.querySelector('button');
    const places = new Map(isAimedAt ? [...before.keys()].map((key, place) => [key, place]) : []);
    const placeOf = (/** @type {any} */ row) => places.get(String(this.key(row))) ?? places.size;
    const rows = [...given].sort((one, other) => placeOf(one) - placeOf(other));
    this.#rows = new Map(rows.map((row, place) => {
      const key = String(this.key(row));
      const element = before.get(key) ?? h('tr', { 'data-key': key }, this.columns.map(([label], at) =>
        h(at ? 'td' : 'th', { scope: at ? null : 'row', 'data-label': label })));
      const here = this.#body.children[place];
      if (here !== element) this.#body.insertBefore(element, here ?? null);
      this.columns.forEach(([, says, make], at) => {
        put(element.children[at], inWords(says(row)), () => make?.(row));
      });
      return [key, element];
    }));
    for (const [key, element] of before) if (!this.#rows.has(key)) element.remove();
    setText(this.#title, this.titleOf(rows));
    this.element.hidden = !this.#title.textContent;
    if (hadFocus && !this.element.contains(document.activeElement)) this.#title.focus();
  }
}

/** The properties of one thing; values that are empty or 0 are left out. */
export class Facts {
  #table;

  /** @param {string} title */
  constructor(title) {
    const says = /** @type {Column} */ (['', ([, value]) => value, ([, , make]) => make?.()]);
    this.#table = new Table(title, [['', ([name]) => name], says], ([name]) => name);
    this.element = this.#table.element;
  }

  /** @param {any} row @param {...Fact} facts */
  show(row, ...facts) {
    const whole = facts.map((one) => (typeof one === 'string' ? [wordsOf(one), row[one]] : one));
    this.#table.show(whole.filter(([, value]) => value !== 0 && inWords(value)));
  }
}

/** @param {Column} one @returns {Exclude<Column, string>} */
const column = (one) => (typeof one === 'string' ? [wordsOf(one), (row) => row[one]] : one);

/** @param {string} name of a field */
const wordsOf = (name) => name.replaceAll('_', ' ');

/** @param {Element} cell @param {string} words @param {() => Node | undefined} make */
function put(cell, words, make) {
  if (cell.getAttribute('data-says') === words) return;
  const hadFocus = cell.contains(document.activeElement);
  cell.setAttribute('data-says', words);
  cell.replaceChildren((words && make()) || words);
  const next = hadFocus && (cell.querySelector('button, a') ?? cell.parentElement?.querySelector('a'));
  if (next) /** @type {HTMLElement} */ (next).focus();
}

/** @param {any} value of JSON @returns {string} for people; of a compound value, the parts that are not 0 */
export function inWords(value) {
  if (value === null || value === undefined || value === false) return '';
  if (Array.isArray(value)) return value.map(inWords).join(', ');
  if (typeof value === 'number') return String(Number(value.toFixed(Math.abs(value) >= 1 ? 1 : 5)));
  if (typeof value !== 'object') return String(value);
  const parts = Object.entries(value).filter(([, inside]) => inside && inWords(inside));
  return parts.map(([name, inside]) => `${wordsOf(name)}: ${inWords(inside)}`).join('; ');
}

/** @param {number} seconds that a clock is ahead @returns {string} such as 3 h behind */
export function off(seconds) {
  const words = `${inUnits(Math.abs(seconds))} ${seconds > 0 ? 'ahead' : 'behind'}`;
  return Math.abs(seconds) < 1 ? 'right' : words;
}

/** @param {number | null} seconds @returns {string | null} in the units of ages */
export function inUnits(seconds) {
  if (seconds === null) return null;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  return age(Math.round(seconds) * 1000).replace(' ago', '');
}
