import { folded } from "../core/racks.js";

/**
 * What people may ask of nodes: the words for it, the request, and the result in words.
 *
 * @typedef {import("../core/fleet.js").Node} Node
 * @typedef {import("./podium-question.js").Answer} Answer
 * @typedef {object} Action
 * @property {string} name as `data-action` and the API have it
 * @property {(nodes: string) => string} words
 * @property {string} meaning
 * @property {string} [option] something that can be wanted too
 * @property {boolean} [stops] whether it stops what runs on the nodes
 * @property {boolean} [set] of maintenance, which is no matter of drivers: whether it begins
 */

const AT_ONCE = "At once, without asking their operating systems.";
const ASKING = "Their operating systems are asked to shut down.";
const soft = { meaning: ASKING, option: "Switch off those still on after the timeout", stops: true };
/** Characters of names that people read, and of those in one text of a request. */
const LONGEST = 300;
const MOST_NAMED = 60_000;

/** @type {readonly Action[]} */
export const ACTIONS = [
  { name: "power on", words: (nodes) => `Switch ${nodes} on`, meaning: "" },
  { name: "power off", words: (nodes) => `Switch ${nodes} off`, meaning: AT_ONCE, stops: true },
  { name: "soft power off", words: (nodes) => `Shut ${nodes} down`, ...soft },
  { name: "rebooting", words: (nodes) => `Reboot ${nodes}`, stops: true,
    meaning: `${AT_ONCE} Those that are off are switched on.` },
  { name: "soft rebooting", words: (nodes) => `Shut ${nodes} down and start again`, ...soft },
  { name: "power cycle", words: (nodes) => `Switch ${nodes} off and on`, meaning: AT_ONCE, stops: true },
  { name: "inject nmi", words: (nodes) => `Send ${nodes} a diagnostic interrupt`, stops: true,
    meaning: "Most operating systems then write a dump and stop." },
  { name: "maintenance set", words: (nodes) => `Put ${nodes} in maintenance`, set: true,
    meaning: "Conductors leave nodes in maintenance alone." },
  { name: "maintenance unset", words: (nodes) => `Take ${nodes} out of maintenance`, set: false,
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
 * @param {Action} action
 * @param {Node[]} nodes
 * @param {(driver: string) => boolean} able whether a driver can do it
 * @returns {string[]}
 */
export function warnings(action, nodes, able) {
  /** @type {[(node: Node) => unknown, string][]} */
  const facts = [
    [(node) => action.stops && node.power_state === "power on", "on, and stopped by this"],
    [(node) => node.maintenance, "in maintenance"],
    [(node) => node.target_power_state, "with a change under way"],
    [(node) => node.conductor === null, "without a conductor: nothing happens to them for now"],
    [(node) => !able(node.driver), "refused, because their driver cannot do it"],
  ];
  return action.set !== undefined ? [] : facts.flatMap(([meets, text]) => {
    const count = nodes.filter(meets).length;
    return count ? `${counted(count)} ${text}` : [];
  });
}

/** Names as ranges, in texts as long as the API takes. @param {Node[]} nodes @returns {string[]} */
export function named(nodes) {
  /** @type {string[][]} */
  const groups = [];
  let room = 0;
  for (const { name, uuid } of nodes) {
    const known = /^[A-Za-z0-9_.:-]+$/.test(name) ? name : uuid; // other signs mean something in ranges
    if (room <= known.length) {
      groups.push([]);
      room = MOST_NAMED;
    }
    groups[groups.length - 1].push(known);
    room -= known.length + 1;
  }
  return groups.map(folded);
}

/** @param {Action} action @param {Node[]} nodes @param {Answer} answer */
export function requestOf({ name, set }, nodes, { reason, option, confirmed }) {
  const more = reason && set !== false ? { reason } : {};
  if (set !== undefined) {
    const body = { nodes: named(nodes), maintenance: set, ...more };
    return { method: "PUT", path: "podium/v1/nodes/maintenance", body };
  }
  const agreed = { ...(option && { then_off: true }), ...(confirmed && { confirmed }) };
  const body = { action: name, nodes: named(nodes), ...more, ...agreed };
  return { method: "POST", path: "podium/v1/operations", body };
}

/** What the API answered, in words. @param {Action} action @param {any} found */
export function outcomeOf({ set }, { changed, unchanged, operation = null, ...asked }) {
  if (set !== undefined) {
    const how = `${set ? "in" : "out of"} maintenance`;
    const already = unchanged ? `${unchanged} ${changed ? "" : `${how} `}already` : "";
    const text = [changed && `${changed} ${how}`, already].filter(Boolean).join(", ");
    return { text, operation, lines: [] };
  }
  const replaced = asked.replaced ? `; ${asked.replaced} replaced an earlier request` : "";
  const text = operation === null ? "nothing was requested" : `${asked.requested} requested${replaced}`;
  return { text, operation, lines: [...foldedLines(asked.refused), ...asked.warnings] };
}

/** Lines `NAME: TEXT`, with the names that share a text as ranges. @param {string[]} lines */
export function foldedLines(lines) {
  /** @type {Map<string, string[]>} */
  const alike = new Map();
  for (const line of lines) {
    const [, name, text] = /^(.*?): (.*)$/s.exec(line) ?? ["", line, ""];
    const names = alike.get(text);
    if (names) names.push(name);
    else alike.set(text, [name]);
  }
  return [...alike].map(([text, names]) => `${short(names)}: ${text}`);
}
