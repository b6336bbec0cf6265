// Which nodes are shown: those of the filter, as the fleet is now.

import { ask } from '../core/api.js';
import { BASE } from '../core/loading.js';
import { pause } from '../core/waiting.js';
import { isCondition, understood, unmatched } from './filters.js';
import { Fault } from './parsing.js';

/** @typedef {import('../core/fleet.js').Fleet} Fleet */
/** @typedef {import('../core/fleet.js').Node} Node */
/** @typedef {import('./filters.js').Filter} Filter */
/** @typedef {{text: string, at: {start: number, end: number} | null}} Told what is wrong; '' for not known */

/** Milliseconds for which nobody has typed, before the server is asked. */
const QUIET = 200;
/** Columns that are kept besides the base, at the most: each is one more of every node. */
const MOST_COLUMNS = 40;
/** Commas part the fields that the server is asked for. */
const WITH_COMMA = 'Here no key of an entry may have a comma; on the command line it may';
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
  /** Names of the filter that no node has. */
  missing = '';
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
  /** @type {() => unknown} */
  #ends = () => undefined;
  #fleet;

  /** @param {Fleet} fleet */
  constructor(fleet) {
    super();
    this.#fleet = fleet;
    fleet.addEventListener('change', (/** @type {any} */ { detail: { nodes, order } }) => {
      this.#follow(nodes, order);
      if (order && this.missing) void this.#take(this.#typing.signal);
    });
    fleet.addEventListener('phase', () => {
      if (this.isInForce && this.#filter?.missing) void this.#take(this.#typing.signal);
    });
  }

  /** Whether the nodes are those of the filter. */
  get isInForce() { return !this.fault && !this.isWaiting; }

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
    [this.fault, this.missing] = [null, ''];
    try {
      const filter = understood(this.#text);
      const more = filter ? filter.columns.filter((one) => !this.#columns.has(one)) : [];
      this.isWaiting = more.length > 0 || dependsOnOthers(filter);
      if (filter && this.isWaiting) await this.#prepare(filter, more, signal);
      if (signal.aborted) return;
      const { phase, ordered } = this.#fleet;
      this.missing = (phase !== 'loading' && filter?.missing?.(ordered)) || '';
      const hasSome = !this.missing || ordered.some((node) => filter?.fits(node, this.#world));
      if (!hasSome) throw new Error(unmatched(this.#text));
      this.#apply(filter);
    } catch (error) {
      if (signal.aborted) return;
      const at = error instanceof Fault ? error : null;
      this.fault = { text: at ? '' : /** @type {Error} */ (error).message, at };
      if (at) void this.#explain(at, signal);
    }
    this.isWaiting = false;
    this.#tell(false);
  }

  /** Have what it looks at. @param {Filter} filter @param {string[]} more @param {AbortSignal} signal */
  async #prepare(filter, more, signal) {
    if (more.some((one) => one.includes(','))) throw new Error(WITH_COMMA);
    this.#tell(false);
    const hasEntries = more.some((one) => one.includes('.'));
    if (hasEntries) await pause(QUIET, signal);
    const isUnsure = hasEntries || dependsOnOthers(filter);
    const fault = isUnsure && await this.#ask(signal, { where: this.#text });
    if (fault) throw new Error(fault);
    if (more.length > MOST_COLUMNS) throw new Error('These are too many fields');
    const areMany = this.#columns.size + more.length > BASE.length + MOST_COLUMNS;
    if (areMany) this.#columns = new Set(BASE);  // without those of filters before
    const known = this.#columns;
    if (more.length) await this.#fleet.need([...filter.columns], areMany);
    for (const column of filter.columns) known.add(column);
  }

  /** Have the server say what is wrong. @param {Fault} at @param {AbortSignal} signal */
  async #explain(at, signal) {
    await pause(QUIET, signal);
    const range = this.#text.slice(at.start, at.end);
    const query = isCondition(this.#text) ? { where: this.#text } : { nodes: range };
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
    const [line = ''] = (fault ?? '').split('\n'); // the others show the place
    return line.replace(/^where: /, '').replace('--where help lists', 'the help lists');
  }

  /** @param {Filter | null} filter */
  #apply(filter) {
    this.#ends();
    this.#filter = filter;
    const hasAges = filter?.columns.includes('power_checked_at');
    const isTimed = filter && (hasAges || dependsOnOthers(filter));
    const timer = isTimed ? setInterval(() => this.#look(filter), AGAIN) : 0;
    const unwatch = hasAges && this.#fleet.watchAll();
    this.#ends = () => [clearInterval(timer), unwatch && unwatch()];
    this.#chosen.clear();
    this.#follow(this.#fleet.ordered, true);
  }

  /** @param {Filter} filter that time changes */
  async #look(filter) {
    if (document.hidden) return;
    if (dependsOnOthers(filter)) await this.#ask(this.#typing.signal, {}).catch(() => undefined);
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

/** Whether more than the nodes decides, see World. @param {Filter | null} filter */
const dependsOnOthers = (filter) =>
  ['power_policy', 'conductor'].some((column) => filter?.columns.includes(column));
