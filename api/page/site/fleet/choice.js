/** @typedef {import("../core/fleet.js").Fleet} Fleet @typedef {import("../core/fleet.js").Node} Node */

/**
 * The nodes that a person has chosen to act on, by UUID: they stay chosen when they change, are renamed or
 * are no longer shown, until they are deleted. The event "change" comes when others are chosen.
 */
export class Choice extends EventTarget {
  /** Where a range begins: the node that was last chosen alone, or toggled. @type {string | null} */
  anchor = null;
  /** @type {Fleet} */ #fleet;
  /** @type {Set<string>} */ #chosen;
  /** In the order of the fleet; null until somebody asks. @type {string[] | null} */ #ordered = null;
  #ends = new AbortController();

  /** @param {Fleet} fleet @param {Iterable<string>} uuids */
  constructor(fleet, uuids = []) {
    super();
    this.#fleet = fleet;
    this.#chosen = new Set(uuids);
    fleet.addEventListener("change", (/** @type {any} */ { detail }) => {
      const left = () => [...this.#chosen].filter((uuid) => fleet.nodes.has(uuid));
      if (detail.order) this.#become(new Set(left()), true);
    }, { signal: this.#ends.signal });
  }

  /** Follow the fleet no longer. */
  end() {
    this.#ends.abort();
  }

  get size() {
    return this.#chosen.size;
  }

  /** @param {string} uuid */
  has(uuid) {
    return this.#chosen.has(uuid);
  }

  /** Those chosen, in natural order of their names. @returns {Node[]} */
  nodes() {
    const inOrder = () => this.#fleet.ordered.flatMap(({ uuid }) => (this.#chosen.has(uuid) ? [uuid] : []));
    this.#ordered ??= this.size ? inOrder() : [];
    return this.#ordered.flatMap((uuid) => this.#fleet.nodes.get(uuid) ?? []);
  }

  /** Choose these, and no others. @param {Iterable<string>} uuids */
  set(uuids) {
    const chosen = new Set(uuids);
    [this.anchor = null] = chosen;
    this.#become(chosen);
  }

  /** @param {string} uuid */
  toggle(uuid) {
    this.anchor = uuid;
    const chosen = new Set(this.#chosen);
    if (!chosen.delete(uuid)) chosen.add(uuid);
    this.#become(chosen);
  }

  /**
   * Choose what stands between two nodes of a list; the second alone where the first is not in it.
   *
   * @param {string} from
   * @param {string} to
   * @param {Node[]} list
   * @param {boolean} [keep] whether what was chosen stays so
   */
  range(from, to, list, keep = false) {
    const [start, end] = [from, to].map((uuid) => list.findIndex((node) => node.uuid === uuid));
    if (end < 0) return;
    const begin = start < 0 ? end : start;
    this.anchor = list[begin].uuid;
    const between = list.slice(Math.min(begin, end), Math.max(begin, end) + 1).map(({ uuid }) => uuid);
    this.#become(new Set(keep ? [...this.#chosen, ...between] : between));
  }

  /** Choose all of a list, beside what is chosen. @param {Node[]} list */
  all(list) {
    this.#become(new Set([...this.#chosen, ...list.map(({ uuid }) => uuid)]));
  }

  clear() {
    this.set([]);
  }

  /** @param {Set<string>} chosen @param {boolean} [reordered] */
  #become(chosen, reordered = false) {
    const isSame = chosen.size === this.size && [...chosen].every((uuid) => this.has(uuid));
    this.#chosen = chosen;
    if (!isSame || reordered) this.#ordered = null;
    if (!isSame) this.dispatchEvent(new Event("change"));
  }
}
