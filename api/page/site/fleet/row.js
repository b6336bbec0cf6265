import { link } from "../core/address.js";
import { h, setText } from "../core/elements.js";
import { age, stateOf } from "../core/words.js";

/** @typedef {import("../core/fleet.js").Node} Node */

/** What the columns of the table say. @type {Record<string, (node: Node, now: number) => string>} */
const COLUMNS = {
  "choose": () => "",
  "name": ({ name }) => name,
  "power": stateOf,
  "under way": (node) => node.target_power_state ?? "",
  "health": (node) => node.health?.status ?? "",
  "age": (node, now) => (node.power_checked_at === null ? "never read" : age(now - node.power_checked_at)),
  "maintenance": (node) => (node.maintenance ? node.fault ?? "yes" : ""),
  "rack": ({ rack }) => rack,
  "conductor": (node) => node.conductor ?? "none",
  "error": (node) => node.last_error ?? "",
};
export const NAMES = Object.keys(COLUMNS);

/** A row of the table, which shows one node after the other while people scroll. */
export class NodeRow {
  uuid = "";
  #link = h("a", { tabindex: -1 });
  #cells = NAMES.map((name, place) => h("div", {
    role: name === "name" ? "rowheader" : "gridcell", "aria-colindex": place + 1, class: name,
  }, name === "name" && this.#link));
  element = h("div", { role: "row" }, ...this.#cells);

  /** @param {Node} node @param {number} now the server's time in milliseconds */
  show(node, now) {
    this.uuid = node.uuid;
    const { dataset } = this.element;
    if (dataset.node !== node.name) this.#link.href = link("nodes", node.name);
    Object.assign(dataset, { node: node.name, state: stateOf(node), health: node.health?.status ?? "" });
    NAMES.forEach((name, place) => {
      const text = COLUMNS[name](node, now);
      if (name !== "choose" && this.#cells[place].textContent !== text) {
        setText(name === "name" ? this.#link : this.#cells[place], text);
        this.#cells[place].title = text;
      }
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
