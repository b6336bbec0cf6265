import { link } from "../core/address.js";
import { h, setText } from "../core/elements.js";
import { age, stateOf } from "../core/words.js";

/** @typedef {import("../core/fleet.js").Node} Node */

/** What columns say, after that for choosing. @type {Record<string, (node: Node, now: number) => string>} */
const COLUMNS = {
  "name": ({ name }) => name,
  "power": stateOf,
  "under way": (node) => node.target_power_state ?? "",
  "health": (node) => node.health?.status ?? "",
  "age": (node, now) => (node.power_checked_at === null ? "never read" : age(now - node.power_checked_at)),
  "maintenance": (node) => (node.maintenance ? node.fault ?? "yes" : ""),
  "rack": ({ rack }) => rack,
  "conductor": (node) => node.conductor?.split("/")[0] ?? "none",
  "error": (node) => node.last_error ?? "",
};
export const NAMES = ["choose", ...Object.keys(COLUMNS)];

/** A row of the table, which shows one node after the other while people scroll. */
export class NodeRow {
  /** @type {Node | null} */ node = null;
  #link = h("a", { tabindex: -1 });
  #cells = NAMES.map((name, place) => h("div", { role: name === "name" ? "rowheader" : "gridcell",
    "aria-colindex": place + 1, class: /power|health/.test(name) ? `${name} mark` : name }));
  element = h("div", { role: "row" }, ...this.#cells);

  constructor() {
    this.#cells[1].append(this.#link);
  }

  /** @param {Node} node @param {number} now the server's time in milliseconds */
  show(node, now) {
    this.node = node;
    this.#link.href = link("nodes", node.name);
    const [state, health] = [stateOf(node), node.health?.status ?? ""];
    Object.assign(this.element.dataset, { node: node.name, state });
    this.#cells[2].dataset.state = state;
    this.#cells[4].dataset.health = health;
    Object.values(COLUMNS).forEach((say, place) => {
      const cell = this.#cells[place + 1];
      cell.title = say(node, now);
      setText(place ? cell : this.#link, cell.title);
    });
  }

  /** @param {number} place from 0 @param {number} top @param {boolean} isChosen @param {boolean} isActive */
  put(place, top, isChosen, isActive) {
    this.element.style.top = `${top}px`;
    this.element.tabIndex = isActive ? 0 : -1; // Tab leads to one row alone
    this.element.ariaRowIndex = String(place + 2); // the head is the first
    this.element.ariaSelected = String(isChosen);
  }
}
