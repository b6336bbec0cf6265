// Which nodes are shown: those of the filter, as the fleet is now.

import { ask } from '../core/api.js';
import { BASE } from '../core/loading.js';
import { pause } from '../core/stream.js';
import { understood } from './filters.js';
import { Fault } from './parsing.js';

/** @typedef {import('../core/fleet.js').Fleet} Fleet */
/** @typedef {import('../core/fleet.js').Node} Node */
/** @typedef {import('./filters.js').Filter} Filter */
/** @typedef {{text: string, at: {start: number, end: number} | null}} Told what is wrong; '' for not known */

/** Milliseconds for which nobody has typed, before the server is asked. */
const QUIET = 200;
/** Columns that are asked for, at the most: each is one more of every node. */
const MOST_COLUMNS = BASE.length + 40;
const PATH = 'podium/v1/selection';
/** Milliseconds after which what time alone changes is looked at again. */
const AGAIN = 3000;

/**
 * The event 'change' comes with {order}: whether the list of nodes is another one, or only what is said of
 * the filter. While a filter is wrong, or waits for columns, those of the last one stay.
 */
export class Shown extends EventTarget {
  /** @type {Node[]} in natural order */
  nodes = [];
  /** @type {Told | null} */
  fault = null;
  /** Whether more has to be known of the nodes first. */
  isWaiting = false;
  #text = '';
  /** The one in force. @type {Filter | null} */
  #filter = null;
  /** @type {Set<Node>} those that the filter chooses, where there is one */
  #chosen = new Set();
  /** What the fleet knows of its nodes. */
  #columns = new Set(BASE);
  #world = { now: 0, members: new Set(), enforcedByDefault: false };
  #typing = new AbortController();
  #ends = () => {};
  #fleet;

  /** @param {Fleet} fleet */
  constructor(fleet) {
    super();
    this.#fleet = fleet;
    fleet.addEventListener('change', (event) => {
      const { nodes, order } = /** @type {CustomEvent<{nodes: Set<Node>, order: boolean}>} */ (event).detail;
      this.#follow(nodes, order);
    });
  }

  get filter() {
    return this.#text;
  }

  set filter(text) {
    if (text === this.#text) return;
    this.#text = text;
    this.#typing.abort();
    this.#typing = new AbortController();
    const { signal } = this.#typing;
    try {
      const filter = understood(text);
      const more = filter ? filter.columns.filter((one) => !this.#columns.has(one)) : [];
      this.isWaiting = Boolean(filter && (more.length || filter.hasOthers));
      this.fault = null;
      if (filter && this.isWaiting) void this.#prepare(filter, more, signal);
      else this.#apply(filter);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.isWaiting = false;
      this.fault = { text: '', at: error };
      void this.#explain(error, signal);
    }
    this.#tell(false);
  }

  /**
   * Have what a filter looks at, and apply it.
   *
   * @param {Filter} filter
   * @param {string[]} more columns
   * @param {AbortSignal} signal
   */
  async #prepare(filter, more, signal) {
    try {
      if (filter.hasEntries) await pause(QUIET, signal);
      const isUnsure = filter.hasEntries || filter.hasOthers;
      const fault = isUnsure && await this.#ask(signal, { where: this.#text });
      if (signal.aborted) return;
      if (fault) throw new Error(fault);
      if (this.#columns.size + more.length > MOST_COLUMNS) {
        throw new Error('That are more fields than the page can keep; load it again');
      }
      if (more.length) await this.#fleet.need(more);
      for (const column of more) this.#columns.add(column);
    } catch (error) {
      if (signal.aborted) return;
      this.fault = { text: error instanceof Error ? error.message : String(error), at: null };
    }
    if (signal.aborted) return;
    this.isWaiting = false;
    if (!this.fault) this.#apply(filter);
    this.#tell(false);
  }

  /** Have the server say what is wrong. @param {Fault} at @param {AbortSignal} signal */
  async #explain(at, signal) {
    await pause(QUIET, signal);
    const query = at.isRange ? { nodes: this.#text.slice(at.start, at.end) } : { where: this.#text };
    const text = await this.#ask(signal, query).catch(() => '');
    if (signal.aborted) return;
    this.fault = { text: text || at.message, at };
    this.#tell(false);
  }

  /**
   * Ask the server whether nodes can be chosen so, and what belongs to no node.
   *
   * @param {AbortSignal} signal
   * @param {{where?: string, nodes?: string}} query
   * @returns {Promise<string>} what is wrong; '' for nothing
   */
  async #ask(signal, query) {
    const { fault, members, enforced_by_default: byDefault } = await ask('GET', PATH, { query, signal });
    Object.assign(this.#world, { members: new Set(members), enforcedByDefault: byDefault });
    return wordsOf(fault ?? '');
  }

  /** @param {Filter | null} filter */
  #apply(filter) {
    this.#ends();
    this.#filter = filter;
    const unwatch = filter?.hasAges ? this.#fleet.watchAll() : () => {};
    const timer = filter?.hasAges || filter?.hasOthers ? setInterval(() => this.#look(filter), AGAIN) : 0;
    this.#ends = () => {
      unwatch();
      clearInterval(timer);
    };
    this.#chosen.clear();
    this.#follow(this.#fleet.ordered, true);
  }

  /** @param {Filter} filter that time changes */
  async #look(filter) {
    if (document.hidden) return;
    if (filter.hasOthers) await this.#ask(this.#typing.signal, {}).catch(() => undefined);
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

/** The first line of what the server says: the others show the place. @param {string} fault */
function wordsOf(fault) {
  const [line = ''] = fault.split('\n');
  return line.replace(/^where: /, '').replace('--where help lists', 'the help lists');
}
