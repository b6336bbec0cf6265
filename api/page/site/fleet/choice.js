/** @typedef {import('../core/fleet.js').Fleet} Fleet @typedef {import('../core/fleet.js').Node} Node */

/**
 * The nodes that a person has chosen to act on, by UUID: they stay chosen when they change, are renamed or
 * are no longer shown, until they are deleted. The event "change" comes when the choice changes.
 */
export class Choice extends EventTarget {
  /** The beginning of a range: the node last chosen alone, or toggled. @type {string | undefined} */
  anchor;
  #fleet;
  #may;
  #uuids = new Set();

  /** @param {Fleet} fleet @param {() => boolean} [may] whether the person may act, and so choose */
  constructor(fleet, may = () => true) {
    super();
    this.#may = may;
    this.#fleet = fleet;
    const forget = () => this.#become([...this.#uuids].filter((uuid) => fleet.nodes.has(uuid)));
    fleet.addEventListener('change', (/** @type {any} */ { detail }) => detail.order && forget());
  }

  get size() { return this.#uuids.size; }

  /** @param {string} uuid */
  has(uuid) { return this.#uuids.has(uuid); }

  /** The chosen nodes, in natural order of their names. @returns {Node[]} */
  nodes() { return this.size ? this.#fleet.ordered.filter(({ uuid }) => this.has(uuid)) : []; }

  /** Choose these, and no others. @param {string[]} uuids */
  set(uuids) {
    this.anchor = uuids[0];
    this.#become(uuids);
  }

  /** @param {string} uuid */
  toggle(uuid) {
    this.anchor = uuid;
    this.#become(this.has(uuid) ? [...this.#uuids].filter((one) => one !== uuid) : [...this.#uuids, uuid]);
  }

  /**
   * Choose the nodes between two nodes of a list; only the second if the first is not in it.
   * @param {string} from @param {string} to @param {Node[]} list @param {boolean} [keep] the others chosen
   */
  range(from, to, list, keep = false) {
    const [start, end] = [from, to].map((uuid) => list.findIndex((node) => node.uuid === uuid));
    this.anchor = start < 0 ? to : from;
    const between = list.slice(start < 0 ? end : Math.min(start, end), Math.max(start, end) + 1);
    this.#become([...(keep ? this.#uuids : []), ...between.map(({ uuid }) => uuid)]);
  }

  /**
   * Choose according to a click on a node of a list.
   * @param {MouseEvent} event @param {string} uuid @param {Node[]} list
   */
  click({ shiftKey, ctrlKey, metaKey }, uuid, list) {
    if (shiftKey) this.range(this.anchor ?? uuid, uuid, list, ctrlKey);
    else if (ctrlKey || metaKey) this.toggle(uuid);
    else this.set([uuid]);
  }

  /** Add all nodes of a list to the choice. @param {Node[]} list */
  all(list) { this.#become([...this.#uuids, ...list.map(({ uuid }) => uuid)]); }

  /** @param {string[]} uuids */
  #become(uuids) {
    if (uuids.length && !this.#may()) return;
    const before = this.#uuids;
    this.#uuids = new Set(uuids);
    const isSame = before.size === this.size && uuids.every((uuid) => before.has(uuid));
    if (!isSame) this.dispatchEvent(new Event('change'));
  }
}
