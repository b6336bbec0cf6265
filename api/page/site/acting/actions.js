import { folded } from "../core/racks.js";

/**
 * What people may ask of nodes: the words for it, the request, and the result in words.
 *
 * @typedef {import("../core/fleet.js").Node} Node
 * @typedef {object} Action
 * @property {string} name as `data-action` and the API have it
 * @property {string} title of the question, with the nodes in the place of @
 * @property {string} [meaning]
 * @property {string} [option] something that can be wanted too
 * @property {boolean} [stops] whether it stops what runs on the nodes
 * @property {boolean} [set] of maintenance, which is no matter of drivers: whether it begins
 */

const AT_ONCE = "At once, without asking their operating systems.";
const SOFT = { meaning: "Their operating systems are asked to shut down.", stops: true,
  option: "Switch off those still on after the timeout" };
/** Characters of names that people read, and of those in one text of a request. */
const LONGEST = 300;
const MOST_NAMED = 60_000;

/** @type {readonly Action[]} */
export const ACTIONS = [
  { name: "power on", title: "Switch @ on?" },
  { name: "power off", title: "Switch @ off?", meaning: AT_ONCE, stops: true },
  { name: "soft power off", title: "Shut @ down?", ...SOFT },
  { name: "rebooting", title: "Reboot @?", stops: true,
    meaning: `${AT_ONCE} Those that are off are switched on.` },
  { name: "soft rebooting", title: "Shut @ down and start again?", ...SOFT },
  { name: "power cycle", title: "Switch @ off and on again?", meaning: AT_ONCE, stops: true },
  { name: "inject nmi", title: "Send @ a diagnostic interrupt?", stops: true,
    meaning: "Most operating systems then write a dump and stop." },
  { name: "maintenance set", title: "Put @ in maintenance?", set: true,
    meaning: "Conductors leave nodes in maintenance alone." },
  { name: "maintenance unset", title: "Take @ out of maintenance?", set: false,
    meaning: "They are handed back to their conductors, and their faults are cleared." },
];

/** @param {number} count @param {string} what @returns {string} such as 1,200 nodes */
export function counted(count, what = "node") {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

/** @param {Iterable<string>} names @returns {string} as ranges, shortened */
function short(names) {
  const text = folded(names);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** What a question says of the racks and names of nodes. @param {Node[]} nodes @returns {string[]} */
export function places(nodes) {
  const racks = new Set(nodes.map(({ rack }) => rack).filter(Boolean));
  const where = racks.size ? [`${counted(racks.size, "rack")}: ${short(racks)}`] : [];
  return nodes.length === 1 ? where : [...where, `Nodes: ${short(nodes.map(({ name }) => name))}`];
}

/**
 * What people should know before they agree.
 *
 * @param {Action} action @param {Node[]} nodes
 * @param {(node: Node) => boolean} able whether its driver can do it
 * @param {number} hidden how many the filter does not show
 */
export function warnings({ stops, set }, nodes, able, hidden) {
  const count = (/** @type {(node: Node) => unknown} */ meets) => nodes.filter(meets).length;
  /** @type {[string, number][]} */
  const power = set !== undefined ? [] : [
    ["On now, and stopped by this", stops ? count((node) => node.power_state === "power on") : 0],
    ["In maintenance", count((node) => node.maintenance)],
    ["With a change under way", count((node) => node.target_power_state)],
    ["Without a conductor, so that nothing happens for now", count((node) => node.conductor === null)],
    ["Refused, because their driver cannot do it", count((node) => !able(node))],
  ];
  /** @type {[string, number][]} */
  const all = [["Not shown by the filter", hidden], ...power];
  return all.flatMap(([text, its]) => (its ? `${text}: ${counted(its)}` : []));
}

/**
 * @param {Action} action @param {Node[]} nodes @param {import("./podium-question.js").Answer} answer
 * @returns {[method: string, path: string, body: object]}
 */
export function requestOf({ name, set }, nodes, { reason, option, confirmed }) {
  const more = { nodes: named(nodes), ...(reason && { reason }) };
  if (set !== undefined) return ["PUT", "podium/v1/nodes/maintenance", { maintenance: set, ...more }];
  const agreed = { ...(option && { then_off: true }), ...(confirmed && { confirmed }) };
  return ["POST", "podium/v1/operations", { action: name, ...more, ...agreed }];
}

/** Names as ranges, in texts as long as the API takes. @param {Node[]} nodes @returns {string[]} */
export function named(nodes) {
  /** @type {string[][]} */
  const groups = [];
  let room = 0;
  for (const { name, uuid } of nodes) {
    const known = /^[A-Za-z0-9_.:-]+$/.test(name) ? name : uuid; // other signs mean something in ranges
    if (room <= known.length) room = groups.push([]) && MOST_NAMED;
    groups[groups.length - 1].push(known);
    room -= known.length + 1;
  }
  return groups.map(folded);
}

/** What the API answered, in words. @param {Action} action @param {any} found */
export function outcomeOf({ set }, { changed, unchanged, operation = null, ...asked }) {
  const how = `${set ? "in" : "out of"} maintenance`;
  const already = unchanged ? `, ${unchanged} already` : "";
  if (set !== undefined) return { text: `${changed} ${how}${already}`, operation, lines: [] };
  const replaced = asked.replaced ? `; ${asked.replaced} replaced an earlier request` : "";
  const text = operation === null ? "nothing was requested" : `${asked.requested} requested${replaced}`;
  return { text, operation, lines: [...foldedLines(asked.refused), ...asked.warnings] };
}

/** Lines `NAME: TEXT`, with the names that share a text as ranges. @param {string[]} lines */
export function foldedLines(lines) {
  /** @type {Record<string, string[]>} */
  const alike = {};
  for (const line of lines) {
    const [, name, text] = /^(.*?): (.*)$/s.exec(line) ?? ["", line, ""];
    (alike[text] ??= []).push(name);
  }
  return Object.entries(alike).map(([text, names]) => `${short(names)}: ${text}`);
}
