/** Summarises the results of many nodes in few lines, in the words of `podium operation show`. */
import { folded } from '../core/names.js';
import { nextTask } from '../core/waiting.js';

/** @typedef {{state: string, names: string[], nodes: string, outcome: string}} Result of nodes with the
 *   same outcome; their names as ranges end with … if there are too many */

/** States in the order of results, and words that suffice by themselves. @type {Record<string, string>} */
const STATES = {
  failed: '', begun: 'under way', waiting: 'not begun yet', held: 'waits for canaries', cancelled: '',
  replaced: 'replaced by a newer request', done: '',
};
const ORDER = Object.keys(STATES);
/** The most nodes that are named in a result, and the most characters of their names. */
const MOST = 20_000;
const LONGEST = 2000;
const ADDRESS = String.raw`(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(?::\d+)?`;
/** The parts of a driver's message that only name a BMC. */
const WHOSE = new RegExp(String.raw`(?:BMC )?${ADDRESS}|\bBMC \S+:\d+`, 'g');

/** @param {any} request an operation's request for a node @returns {string} its result or its progress */
export function outcomeOf({ state, action, error, power_state: power, result = null }) {
  if (state !== 'done') return state === 'failed' ? `failed: ${error}` : STATES[state] || error;
  if (action === 'change credentials') return 'credentials changed';
  if (action === 'inject nmi' || power === null) return result ?? `${action} accepted`;
  return result === null ? power : `${power}, ${result}`;
}

/** Collects requests page by page; outcomes that differ only in an address become one. */
export class Outcomes {
  /** @type {Map<string, Omit<Result, 'nodes'>>} */
  #alike = new Map();

  /** @param {any[]} requests */
  add(requests) {
    for (const request of requests) {
      const outcome = outcomeOf(request);
      const shared = outcome.replace(WHOSE, 'BMC');
      /** @type {Omit<Result, 'nodes'>} */
      const its = this.#alike.get(shared) ?? { state: request.state, outcome, names: [] };
      if (its.outcome !== outcome) its.outcome = shared;
      its.names.push(request.node_name);
      this.#alike.set(shared, its);
    }
  }

  get size() { return this.#alike.size; }

  /** @param {number} most @returns {Promise<Result[]>} at most so many, with pauses for the browser */
  async results(most = this.size) {
    const found = [...this.#alike.values()].sort((one, other) =>
      ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || other.names.length - one.names.length);
    const results = [];
    for (const one of found.slice(0, most)) {
      const nodes = folded(one.names.slice(0, MOST));
      const isWhole = one.names.length <= MOST && nodes.length <= LONGEST;
      results.push({ ...one, nodes: isWhole ? nodes : `${nodes.slice(0, LONGEST)}…` });
      await nextTask();
    }
    return results;
  }
}
