import { h, Part, setText } from "../core/elements.js";
import { NAMES, NodeRow } from "./row.js";

/** @typedef {import("../core/fleet.js").Node} Node */

/** Rows above and below the view that are there before somebody scrolls to them. */
const SPARE = 6;
const KEYS = "Arrow keys, Page Up, Page Down, Home and End move; with Shift they choose a range."
  + " Space chooses a node, Control A all that are shown, Escape none. Enter opens the node.";

/**
 * The shown nodes as a table. Only the rows in view, and that with the focus, are elements.
 *
 * The body is as high as all rows together, 2.8 million pixels at 100,000 nodes; browsers take 17 million,
 * which leaves room for a zoom of 500 %.
 */
class PodiumTable extends Part {
  /** @type {Node[]} */ #list = [];
  /** By the UUIDs of their nodes. @type {Map<string, NodeRow>} */ #rows = new Map();
  /** Of the row that Tab leads to: its node, and the place in the list. */
  #active = "";
  #place = 0;
  #height = 28;
  #all = h("input", { type: "checkbox", "aria-label": "Choose all nodes that are shown" });
  #head = h("div", { role: "row", "aria-rowindex": 1 }, ...NAMES.map((name, place) =>
    h("div", { role: "columnheader", "aria-colindex": place + 1, class: name }, place ? name : this.#all)));
  #body = h("div", { role: "rowgroup" });
  #grid = h("div", { role: "grid", "aria-label": "Nodes", "aria-describedby": "podium-table-keys",
    "aria-multiselectable": "true", "aria-colcount": NAMES.length },
    h("div", { role: "rowgroup", class: "head" }, this.#head), this.#body);
  #empty = h("p", { role: "status", class: "quiet" });
  #view = h("div", { class: "view" }, this.#grid, this.#empty);

  show() {
    const { fleet, shown, choice, session, stream } = this.page;
    this.replaceChildren(this.#view, h("p", { id: "podium-table-keys", class: "hidden" }, KEYS));
    this.listen(shown, "change", () => this.#take());
    this.listen(choice, "change", () => this.#follow());
    this.listen(fleet, "change", ({ detail }) => this.#showNodes(detail.nodes));
    this.listen(fleet, "phase", () => this.soon());
    this.listen(session, "change", () => this.soon());
    this.listen(stream, "state", () => this.soon());
    this.listen(this.#view, "scroll", () => this.soon());
    this.listen(this.#body, "click", (event) => this.#click(event));
    this.listen(this.#body, "focusin", (event) => this.#activate(this.#placeOf(event)));
    this.listen(this.#grid, "keydown", (event) => this.#key(event));
    this.listen(this.#all, "change", () => (this.#all.checked ? choice.all(this.#list) : choice.clear()));
    this.every(1, () => document.hidden || this.#showNodes(this.#inPage)); // ages grow
    const sizes = new ResizeObserver(() => this.soon());
    sizes.observe(this.#view);
    this.ends.signal.addEventListener("abort", () => sizes.disconnect());
    this.#take();
  }

  #take() {
    const hadFocus = this.#rows.get(this.#active)?.element.contains(document.activeElement);
    this.#list = this.page.shown.nodes;
    const place = this.#list.findIndex(({ uuid }) => uuid === this.#active);
    this.#activate(place < 0 ? Math.min(this.#place, this.#list.length - 1) : place);
    if (hadFocus && place < 0) this.#goTo(this.#place);
    this.soon();
  }

  /** Go to a node that was chosen elsewhere. */
  #follow() {
    const { anchor, size } = this.page.choice;
    const place = size === 1 ? this.#list.findIndex(({ uuid }) => uuid === anchor) : -1;
    if (place >= 0 && !this.contains(document.activeElement)) this.#goTo(place, false);
    this.soon();
  }

  /** @param {Iterable<Node>} nodes that may not be as they were */
  #showNodes(nodes) {
    const now = this.page.fleet.now();
    for (const node of nodes) this.#rows.get(node.uuid)?.show(node, now);
  }

  refresh() {
    const { fleet, session, stream, choice } = this.page;
    const count = this.#list.length;
    this.toggleAttribute("data-watching", !session.may("operator"));
    this.toggleAttribute("data-old", stream.state !== "live");
    this.#height = this.#head.offsetHeight || this.#height;
    this.#grid.ariaRowCount = String(count + 1);
    this.#body.style.height = `${count * this.#height}px`;
    this.#empty.hidden = count > 0;
    const isLoading = fleet.phase === "loading" && !fleet.nodes.size;
    const none = "No nodes yet: podium node import enrols some";
    const reason = fleet.nodes.size ? "No node meets the filter" : none;
    setText(this.#empty, count ? "" : isLoading ? "Loading the nodes" : reason);
    this.#draw();
    const chosen = choice.size ? this.#list.reduce((sum, { uuid }) => sum + Number(choice.has(uuid)), 0) : 0;
    this.#all.checked = count > 0 && chosen === count;
    this.#all.indeterminate = chosen > 0 && chosen < count;
  }

  /** Have the rows in view as elements, in their order. */
  #draw() {
    const { fleet, choice } = this.page;
    const places = this.#placesInView();
    const wanted = new Set(places.map((place) => this.#list[place].uuid));
    const spare = [...this.#rows.values()].filter(({ uuid }) => !wanted.has(uuid));
    for (const { uuid, element } of spare) {
      this.#rows.delete(uuid);
      element.remove();
    }
    const now = fleet.now();
    let next = this.#body.firstElementChild;
    for (const place of places) {
      const node = this.#list[place];
      const row = this.#rows.get(node.uuid) ?? spare.pop() ?? new NodeRow();
      this.#rows.set(node.uuid, row);
      row.show(node, now);
      row.put(place, place * this.#height, choice.has(node.uuid), place === this.#place);
      if (row.element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(row.element, next);
    }
    fleet.watch(this.#inPage);
  }

  /** The nodes of the rows that are elements. */
  get #inPage() {
    return [...this.#rows.keys()].flatMap((uuid) => this.page.fleet.nodes.get(uuid) ?? []);
  }

  #placesInView() {
    const first = Math.max(0, Math.floor(this.#view.scrollTop / this.#height) - SPARE);
    const last = Math.min(this.#list.length, first + this.#inView + 2 * SPARE);
    const places = Array.from({ length: Math.max(0, last - first) }, (_, more) => first + more);
    if (this.#place in this.#list && this.#place < first) places.unshift(this.#place);
    else if (this.#place in this.#list && this.#place >= last) places.push(this.#place);
    return places;
  }

  get #inView() {
    return Math.max(1, Math.floor(this.#view.clientHeight / this.#height) - 1);
  }

  /** @param {number} place */
  #activate(place) {
    this.#place = Math.max(0, place);
    this.#active = this.#list[this.#place]?.uuid ?? "";
    this.soon();
  }

  /** Bring a row into view, with the focus or without. @param {number} place @param {boolean} [hasFocus] */
  #goTo(place, hasFocus = true) {
    this.#activate(Math.max(0, Math.min(place, this.#list.length - 1)));
    const top = this.#place * this.#height;
    const most = top + 2 * this.#height - this.#view.clientHeight;
    this.#view.scrollTop = Math.max(most, Math.min(top, this.#view.scrollTop));
    this.#draw();
    if (hasFocus) this.#rows.get(this.#active)?.element.focus({ preventScroll: true });
  }

  /** @param {Event} event @returns {number} the place of the row that it is of; negative without one */
  #placeOf({ target }) {
    return Number(/** @type {Element} */ (target).closest("[data-node]")?.ariaRowIndex ?? 0) - 2;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const { choice } = this.page;
    const target = /** @type {Element} */ (event.target);
    const uuid = this.#list[this.#placeOf(event)]?.uuid;
    if (!uuid || target.closest("a")) return;
    if (event.shiftKey) choice.range(choice.anchor ?? uuid, uuid, this.#list, event.ctrlKey);
    else if (event.ctrlKey || event.metaKey || target.closest(".choose")) choice.toggle(uuid);
    else choice.set([uuid]);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { choice } = this.page;
    if ((event.ctrlKey || event.metaKey) && event.key === "a") choice.all(this.#list);
    else if (event.key === "Escape") choice.clear();
    else if (event.altKey || this.#placeOf(event) < 0 || !this.#step(event)) return;
    event.preventDefault();
  }

  /** Do what a key of a row is for. @param {KeyboardEvent} event @returns {boolean} whether it is one */
  #step({ key, shiftKey, ctrlKey }) {
    const { choice } = this.page;
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: this.#inView, PageUp: -this.#inView,
      Home: -Infinity, End: Infinity };
    const from = choice.anchor ?? this.#active;
    if (key in steps) this.#goTo(this.#place + steps[key]);
    else if (key === "Enter") this.#rows.get(this.#active)?.element.querySelector("a")?.click();
    else if (key !== " ") return false;
    if (shiftKey) choice.range(from, this.#active, this.#list, ctrlKey);
    else if (key === " ") choice.toggle(this.#active);
    return true;
  }
}

customElements.define("podium-table", PodiumTable);
