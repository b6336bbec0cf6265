// The shown nodes: those of the present fleet that the filter chooses.

import { ApiError } from '../core/api.js';
import { pause } from '../core/waiting.js';
import { isPlain, plain, read } from './filters.js';

/** @typedef {import('../core/fleet.js').Fleet} Fleet */
/** @typedef {import('../core/fleet.js').Node} Node */
/** @typedef {import('./filters.js').Filter} Filter */

/** The fields in a request are separated by commas. */
const WITH_COMMA = 'Here no key of an entry may have a comma; on the command line it may';
/** Milliseconds without typing after which columns of all nodes are requested. */
const QUIET = 200;
/** Milliseconds after which filters that depend on the time are applied again. */
const AGAIN = 3000;
const EXAMPLE = '; conditions look like extra.rack=r1';

/**
 * The event 'change' comes with {order}: whether the list of nodes has changed, or only the state of the
 * filter. While a filter is wrong, is being parsed, or waits for columns, the nodes of the last filter stay.
 */
export class Shown extends EventTarget {
  /** @type {Node[]} in natural order */
  nodes = [];
  /** The fault of the filter. @type {string | null} */
  fault = null;
  /** What the filter waits for, '' while the server parses it. @type {string | null} */
  waiting = null;
  #text = '';
  /** The filter in force. @type {Filter | null} */
  #filter = null;
  /** A filter of names that no node has. @type {Filter | null} */
  #absent = null;
  /** Whether the server did not answer, or nobody was logged in: the text is not at fault. */
  #isLost = false;
  /** @type {Set<Node>} the nodes that the filter chooses, if there is a filter */
  #chosen = new Set();
  #typing = new AbortController();
  #timer = 0;
  #fleet;

  /** @param {Fleet} fleet @param {import('../core/stream.js').Stream} stream */
  constructor(fleet, stream) {
    super();
    this.#fleet = fleet;
    fleet.addEventListener('change', (/** @type {any} */ { detail: { nodes, order } }) => {
      this.#follow(nodes, order);
      if (order && this.#absent) this.#settle(this.#absent);
    });
    fleet.addEventListener('phase', () => {
      if (this.isInForce && this.#filter?.isOfNames) this.#settle(this.#filter);
    });
    stream.addEventListener('state', () => {
      if (this.#isLost && stream.state === 'live') void this.#take();
    });
  }

  /** Whether the shown nodes are those of the filter. */
  get isInForce() { return this.fault === null && this.waiting === null; }

  get filter() { return this.#text; }
  set filter(text) {
    if (text === this.#text) return;
    this.#text = text;
    void this.#take();
  }

  /** Apply the text, at once if nothing has to be requested. */
  async #take() {
    this.#typing.abort();
    const { signal } = this.#typing = new AbortController();
    [this.fault, this.#absent, this.#isLost] = [null, null, false];
    try {
      const filter = isPlain(this.#text) ? plain(this.#text) : await this.#read(signal);
      if (!signal.aborted) this.#settle(filter);
    } catch (error) {
      if (signal.aborted) return;
      this.#isLost = error instanceof ApiError;
      [this.fault, this.waiting] = [/** @type {Error} */ (error).message, null];
      this.#tell(false);
    }
  }

  /** Let the server parse the text, and load the columns that it needs. @param {AbortSignal} signal */
  async #read(signal) {
    this.waiting = '';
    this.#tell(false);
    const filter = await read(this.#text, signal);
    const columns = filter?.columns ?? [];
    if (columns.some((one) => one.includes(','))) throw new Error(WITH_COMMA);
    if (this.#fleet.lacks(columns)) {
      this.waiting = 'Looking at what the nodes have';
      this.#tell(false);
      await pause(QUIET, signal);
      if (!signal.aborted) await this.#fleet.need(columns);
    }
    return filter;
  }

  /** Put a filter in force, unless it is of names that no node has. @param {Filter | null} filter */
  #settle(filter) {
    const { phase, ordered } = this.#fleet;
    const mayBeAbsent = phase !== 'loading' && filter?.isOfNames;
    const isAbsent = mayBeAbsent && !ordered.some((node) => filter.fits(node, 0));
    const words = this.#text.trim().slice(0, 80);
    this.fault = isAbsent ? `No node has ${words} in its name${EXAMPLE}` : null;
    this.#absent = isAbsent ? filter : null;
    this.waiting = null;
    if (!isAbsent) this.#apply(filter);
    this.#tell(false);
  }

  /** @param {Filter | null} filter */
  #apply(filter) {
    clearInterval(this.#timer);
    this.#filter = filter;
    const isTimed = filter && (filter.changes || filter.columns.includes('power_checked_at'));
    this.#timer = isTimed ? setInterval(() => this.#look(filter), AGAIN) : 0;
    const now = this.#fleet.now();
    this.#chosen = new Set(filter && this.#fleet.ordered.filter((node) => filter.fits(node, now)));
    this.#list();
  }

  /** @param {Filter} filter that time changes */
  async #look(filter) {
    if (document.hidden || !this.#fleet.nodes.size) return;  // as after a logout
    const { signal } = this.#typing;
    if (filter.changes) Object.assign(filter, await read(filter.text, signal).catch(() => undefined));
    if (this.#filter === filter) this.#follow(this.#fleet.ordered, false);
  }

  /** Filter nodes that may have changed again. @param {Iterable<Node>} changed @param {boolean} order */
  #follow(changed, order) {
    const [filter, chosen, { nodes }] = [this.#filter, this.#chosen, this.#fleet];
    let isOther = order;
    if (filter) {
      const now = this.#fleet.now();
      for (const node of changed) {
        const fits = nodes.get(node.uuid) === node && filter.fits(node, now);
        if (fits === chosen.has(node)) continue;
        isOther = true;
        if (fits) chosen.add(node);
        else chosen.delete(node);
      }
    }
    if (isOther) this.#list();
  }

  #list() {
    const { ordered } = this.#fleet;
    this.nodes = this.#filter ? ordered.filter((node) => this.#chosen.has(node)) : ordered;
    this.#tell(true);
  }

  /** @param {boolean} order */
  #tell(order) {
    this.dispatchEvent(new CustomEvent('change', { detail: { order } }));
  }
}
