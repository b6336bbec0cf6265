// Which nodes are shown: those of the filter, as the fleet is now.

import { ask } from '../core/api.js';
import { pause } from '../core/waiting.js';
import { isCondition, understood } from './filters.js';
import { Fault } from './parsing.js';

/** @typedef {import('../core/fleet.js').Fleet} Fleet */
/** @typedef {import('../core/fleet.js').Node} Node */
/** @typedef {import('./filters.js').Filter} Filter */
/** @typedef {{where?: string, nodes?: string}} Query */

/** Milliseconds for which nobody has typed, before the server is asked. */
const QUIET = 200;
/** Commas part the fields that the server is asked for. */
const WITH_COMMA = 'Here no key of an entry may have a comma; on the command line it may';
const PATH = 'podium/v1/selection';
/** Milliseconds after which what time alone changes is looked at again. */
const AGAIN = 3000;
/** Columns of conditions that more than the nodes decides, see World. */
const OTHERS = ['power_policy', 'conductor'];
const EXAMPLE = '; conditions look like extra.rack=r1';

/**
 * The event 'change' comes with {order}: whether the list of nodes is another one, or only what is said of
 * the filter. While a filter is wrong, or waits for columns, those of the last one stay.
 */
export class Shown extends EventTarget {
  /** @type {Node[]} in natural order */
  nodes = [];
  /** What is wrong with the filter, '' as long as it is not known. @type {string | null} */
  fault = null;
  /** Whether more has to be known of the nodes first. */
  isWaiting = false;
  #text = '';
  /** The one in force. @type {Filter | null} */
  #filter = null;
  /** Whether it is of names that no node has. */
  #isAbsent = false;
  /** @type {Set<Node>} those that the filter chooses, where there is one */
  #chosen = new Set();
  #world = { now: 0, members: new Set(), enforcedByDefault: false };
  #typing = new AbortController();
  #timer = 0;
  #fleet;

  /** @param {Fleet} fleet */
  constructor(fleet) {
    super();
    this.#fleet = fleet;
    fleet.addEventListener('change', (/** @type {any} */ { detail: { nodes, order } }) => {
      this.#follow(nodes, order);
      if (order && this.#isAbsent) void this.#take(this.#typing.signal);
    });
    fleet.addEventListener('phase', () => {
      if (this.isInForce && this.#filter?.isOfNames) void this.#take(this.#typing.signal);
    });
  }

  /** Whether the nodes are those of the filter. */
  get isInForce() { return this.fault === null && !this.isWaiting; }

  get filter() { return this.#text; }
  set filter(text) {
    if (text === this.#text) return;
    this.#text = text;
    this.#typing.abort();
    this.#typing = new AbortController();
    void this.#take(this.#typing.signal);
  }

  /** Apply the text, at once if all is there that it looks at. @param {AbortSignal} signal */
  async #take(signal) {
    [this.fault, this.#isAbsent] = [null, false];
    try {
      const filter = understood(this.#text);
      this.isWaiting = filter !== null && (this.#fleet.lacks(filter.columns) || looksAt(filter, OTHERS));
      if (filter && this.isWaiting) await this.#prepare(filter, signal);
      if (signal.aborted) return;
      const { phase, ordered } = this.#fleet;
      const mayBeAbsent = phase !== 'loading' && filter?.isOfNames;
      this.#isAbsent = Boolean(mayBeAbsent && !ordered.some((node) => filter.fits(node, this.#world)));
      const words = this.#text.trim().slice(0, 80);
      if (this.#isAbsent) throw new Error(`No node has ${words} in its name${EXAMPLE}`);
      this.#apply(filter);
    } catch (error) {
      if (signal.aborted) return;
      const { message } = /** @type {Error} */ (error);
      this.fault = error instanceof Fault ? '' : message;
      const query = isCondition(this.#text) ? { where: this.#text } : { nodes: message };
      if (!this.fault) void this.#explain(query, signal);
    }
    this.isWaiting = false;
    this.#tell(false);
  }

  /** Have what it looks at. @param {Filter} filter @param {AbortSignal} signal */
  async #prepare(filter, signal) {
    if (filter.columns.some((one) => one.includes(','))) throw new Error(WITH_COMMA);
    this.#tell(false);
    const hasEntries = filter.columns.some((one) => one.includes('.'));
    if (hasEntries) await pause(QUIET, signal);
    const isUnsure = hasEntries || looksAt(filter, OTHERS);
    const fault = isUnsure && await this.#ask(signal, { where: this.#text });
    if (fault) throw new Error(fault);
    await this.#fleet.need(filter.columns);
  }

  /** Have the server say what is wrong. @param {Query} query @param {AbortSignal} signal */
  async #explain(query, signal) {
    await pause(QUIET, signal);
    const text = await this.#ask(signal, query).catch(() => '');
    if (signal.aborted) return;
    this.fault = text || 'This cannot be understood';
    this.#tell(false);
  }

  /**
   * Ask the server whether nodes can be chosen so, and what belongs to no node.
   *
   * @param {AbortSignal} signal @param {Query} query
   * @returns {Promise<string>} what is wrong; '' for nothing
   */
  async #ask(signal, query) {
    const { fault, members, enforced_by_default: byDefault } = await ask('GET', PATH, { query, signal });
    Object.assign(this.#world, { members: new Set(members), enforcedByDefault: byDefault });
    return (fault ?? '').replace(/^where: /, '').replace('--where help lists', 'the help lists');
  }

  /** @param {Filter | null} filter */
  #apply(filter) {
    clearInterval(this.#timer);
    this.#filter = filter;
    const isTimed = filter && looksAt(filter, [...OTHERS, 'power_checked_at']);
    this.#timer = isTimed ? setInterval(() => this.#look(filter), AGAIN) : 0;
    this.#chosen.clear();
    this.#follow(this.#fleet.ordered, true);
  }

  /** @param {Filter} filter that time changes */
  async #look(filter) {
    if (document.hidden) return;
    if (looksAt(filter, OTHERS)) await this.#ask(this.#typing.signal, {}).catch(() => undefined);
    if (this.#filter === filter) this.#follow(this.#fleet.ordered, false);
  }

  /** Choose again among nodes that may differ. @param {Iterable<Node>} changed @param {boolean} order */
  #follow(changed, order) {
    const [filter, chosen, { nodes, ordered }] = [this.#filter, this.#chosen, this.#fleet];
    let isOther = order;
    this.#world.now = this.#fleet.now();
    if (filter) {
      for (const node of changed) {
        const fits = nodes.get(node.uuid) === node && filter.fits(node, this.#world);
        if (fits === chosen.has(node)) continue;
        isOther = true;
        if (fits) chosen.add(node);
        else chosen.delete(node);
      }
    }
    if (!isOther) return;
    this.nodes = filter ? ordered.filter((node) => chosen.has(node)) : ordered;
    this.#tell(true);
  }

  /** @param {boolean} order */
  #tell(order) {
    this.dispatchEvent(new CustomEvent('change', { detail: { order } }));
  }
}

/** @param {Filter} filter @param {string[]} some */
const looksAt = ({ columns }, some) => some.some((column) => columns.includes(column));
