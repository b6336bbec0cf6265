/** The results of many nodes in few lines, in the words of `podium operation show`. */
import { folded } from '../core/racks.js';

/** @typedef {{state: string, names: string[], nodes: string, outcome: string}} Result of like nodes */

/** States in the order in which results are shown; and words that say all. @type {Record<string, string>} */
const STATES = {
  failed: '', begun: 'under way', waiting: 'not begun yet', held: 'waits for canaries', cancelled: '',
  replaced: 'replaced by a newer request', done: '',
};
const ORDER = Object.keys(STATES);
const ADDRESS = String.raw`(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(?::\d+)?`;
/** What only names a BMC in a driver's message. */
const WHOSE = new RegExp(String.raw`(?:BMC )?${ADDRESS}|\bBMC \S+:\d+`, 'g');

/** @param {any} request an operation's share in a node @returns {string} its result, or how far it is */
export function outcomeOf({ state, action, error, power_state: power }) {
  if (state === 'failed') return `failed: ${error}`;
  if (state !== 'done') return STATES[state] || error;
  if (action === 'change credentials') return 'credentials changed';
  return action === 'inject nmi' ? `${action} accepted` : power;
}

/** Gathers requests as pages of them come; outcomes that differ only in an address become one. */
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

  /** @returns {Result[]} */
  results() {
    const found = [...this.#alike.values()].map((one) => ({ ...one, nodes: folded(one.names) }));
    return found.sort((one, other) =>
      ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || other.names.length - one.names.length);
  }
}
