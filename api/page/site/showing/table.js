/**
 * Tables that change while people read them.
 *
 * @typedef {any} Row a record as the API has it
 * @typedef {string | [string, (row: Row) => unknown, ((row: Row) => Node)?]} Column the name of a field; or a
 *   head, what a cell says, and what is shown instead: a cell changes only when it says something else
 * @typedef {[string, unknown, (() => Node)?]} Fact
 */
import { h } from "../core/elements.js";

/** A table whose rows stay the same elements while their keys do. */
export class Table {
  #body = h("tbody");
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {string} caption
   * @param {Column[]} columns
   * @param {(row: Row) => unknown} key
   * @param {(row: Row) => Record<string, string>} mark the `data-` attributes of a row
   */
  constructor(caption, columns, key, mark = () => ({})) {
    this.columns = columns.map((one) => (typeof one === "string" ? field(one) : one));
    this.key = key;
    this.mark = mark;
    const heads = this.columns.filter(([label]) => label).map(([label]) => h("th", { scope: "col" }, label));
    const head = heads.length && h("thead", {}, h("tr", {}, heads));
    const title = h("caption", {}, h("h2", {}, caption));
    this.element = h("table", { hidden: true }, title, head || null, this.#body);
  }

  /** @param {Row[]} rows in the order in which they are shown */
  show(rows) {
    const before = this.#rows;
    this.#rows = new Map(rows.map((row, place) => {
      const key = String(this.key(row));
      const element = before.get(key) ?? h("tr", {}, this.columns.map(([label], at) =>
        h(at ? "td" : "th", { scope: at ? null : "row", "data-label": label })));
      const here = this.#body.children[place];
      if (here !== element) this.#body.insertBefore(element, here ?? null);
      Object.assign(element.dataset, this.mark(row));
      for (const [at, [, text, make]] of this.columns.entries()) {
        put(element.children[at], inWords(text(row)), () => make?.(row));
      }
      return [key, element];
    }));
    for (const [key, element] of before) if (!this.#rows.has(key)) element.remove();
    this.element.hidden = !rows.length;
  }
}

/** What is known of one thing: a name, a value, and what is shown instead; what is empty is left out. */
export class Facts extends Table {
  /** @param {string} caption */
  constructor(caption) {
    const said = /** @type {Column} */ (["", ([, value]) => value, ([, , make]) => make?.()]);
    super(caption, [["", ([name]) => name], said], ([name]) => name);
  }

  /** @override @param {Fact[]} facts */
  show(facts) {
    super.show(facts.filter(([, value]) => value !== 0 && inWords(value)));
  }
}

/** @param {string} name @returns {[string, (row: Row) => unknown]} */
const field = (name) => [name.replaceAll("_", " "), (row) => row[name]];

/** @param {Row} row @param {string[]} names @returns {Fact[]} these fields */
export const factsOf = (row, ...names) => names.map((name) => [name.replaceAll("_", " "), row[name]]);

/** @param {Element} cell @param {string} words @param {() => Node | undefined} make */
function put(cell, words, make) {
  if (cell.getAttribute("data-says") === words) return;
  const hadFocus = cell.contains(document.activeElement);
  cell.setAttribute("data-says", words);
  cell.replaceChildren((words && make()) || words);
  if (hadFocus) /** @type {HTMLElement | null} */ (cell.querySelector("button, a"))?.focus();
}

/** @param {unknown} value of JSON @returns {string} as people read it */
export function inWords(value) {
  if (value === null || value === undefined || value === false) return "";
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  if (typeof value === "number") return String(Number(value.toFixed(Math.abs(value) >= 1 ? 1 : 5)));
  if (typeof value !== "object") return String(value);
  return Object.entries(value).map(([name, inside]) => `${name}: ${inWords(inside)}`).join("; ");
}

/** @param {number | null} seconds */
export function inSeconds(seconds) {
  return seconds === null ? "" : `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
}
