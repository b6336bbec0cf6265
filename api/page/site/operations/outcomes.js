/** The results of many nodes in few lines, in the words of `podium operation show`. */
import { folded } from "../core/racks.js";

/** @typedef {{state: string, names: string[], nodes: string, outcome: string}} Result of like nodes */

/** States in the order in which results are shown; and words that say all. @type {Record<string, string>} */
const STATES = {
  failed: "", begun: "under way", waiting: "not begun yet", held: "waits for canaries", cancelled: "",
  replaced: "replaced by a newer request", done: "",
};
const ORDER = Object.keys(STATES);
const ADDRESS = String.raw`(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(?::\d+)?`;
/** The parts of a driver's messages that only name the BMC, and their replacements. */
const WHOSE = /** @type {[RegExp, string][]} */ ([
  [new RegExp(`^(failed: )?(?:(?:BMC )?${ADDRESS}: |${ADDRESS} )`), "$1"],
  [new RegExp(String.raw`\bBMC (?:${ADDRESS}|\S+:\d+)`, "g"), "BMC"],
  [new RegExp(ADDRESS, "g"), "its address"],
]);

/** @param {any} request an operation's share in a node @returns {string} its result, or how far it is */
export function outcomeOf({ state, action, error, power_state: power }) {
  if (state === "failed") return `failed: ${error}`;
  if (state !== "done") return STATES[state] || error;
  if (action === "change credentials") return "credentials changed";
  return action === "inject nmi" ? `${action} accepted` : power;
}

/** Gathers requests as pages of them come; outcomes that differ only in an address become one. */
export class Outcomes {
  /** @type {Map<string, {state: string, names: string[], words: Set<string>}>} */
  #alike = new Map();

  /** @param {any[]} requests */
  add(requests) {
    for (const request of requests) {
      const outcome = outcomeOf(request);
      const shared = WHOSE.reduce((text, [what, instead]) => text.replace(what, instead), outcome);
      let its = this.#alike.get(shared);
      if (!its) this.#alike.set(shared, its = { state: request.state, names: [], words: new Set() });
      its.names.push(request.node_name);
      if (its.words.size < 2) its.words.add(outcome);
    }
  }

  /** @returns {Result[]} */
  results() {
    const found = [...this.#alike].map(([shared, { state, names, words }]) =>
      ({ state, names, nodes: folded(names), outcome: words.size > 1 ? shared : [...words][0] }));
    return found.sort((one, other) =>
      ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || other.names.length - one.names.length);
  }
}
