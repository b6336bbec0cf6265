/**
 * What people may ask of nodes: the words for it, the request, and the result in words. @ stands for nodes,
 * `option` can be wanted too, what `stops` ends what runs on nodes, `set` is for maintenance alone.
 *
 * @typedef {import('../core/fleet.js').Node} Node @typedef {import('./podium-question.js').Answer} Answer
 * @typedef {{name: string, title: string, meaning?: string, option?: string, stops?: boolean,
 *   set?: boolean}} Action
 */
import { folded } from '../core/racks.js';

const AT_ONCE = 'At once, without asking their operating systems.';
const SOFT = { meaning: 'Their operating systems are asked to shut down.', stops: true,
  option: 'Switch off those still on after the timeout' };
/** Characters of names that people read; lines of a result; nodes in one text of a request. */
const LONGEST = 300;
const MOST = 50;
const TOGETHER = 250;

/** @type {readonly Action[]} */
export const ACTIONS = [
  { name: 'power on', title: 'Switch @ on?' },
  { name: 'power off', title: 'Switch @ off?', meaning: AT_ONCE, stops: true },
  { name: 'soft power off', title: 'Shut @ down?', ...SOFT },
  { name: 'rebooting', title: 'Reboot @?', stops: true,
    meaning: `${AT_ONCE} Those that are off are switched on.` },
  { name: 'soft rebooting', title: 'Shut @ down and start again?', ...SOFT },
  { name: 'power cycle', title: 'Switch @ off and on again?', meaning: AT_ONCE, stops: true },
  { name: 'inject nmi', title: 'Send @ a diagnostic interrupt?', stops: true,
    meaning: 'Most operating systems then write a dump and stop.' },
  { name: 'maintenance set', title: 'Put @ in maintenance?', set: true,
    meaning: 'Conductors leave nodes in maintenance alone.' },
  { name: 'maintenance unset', title: 'Take @ out of maintenance?', set: false,
    meaning: 'They are handed back to their conductors, and their faults are cleared.' },
];

/** @param {number} count @param {string} what @returns {string} such as 1,200 nodes */
export function counted(count, what = 'node') {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

/** @param {Iterable<string>} names @returns {string} as ranges, shortened */
function short(names) {
  const text = folded(names);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** What a question says of the racks and names of nodes. @param {Node[]} nodes @returns {string[]} */
export function places(nodes) {
  const racks = new Set(nodes.map(({ rack }) => rack).filter(Boolean));
  const where = racks.size ? [`${counted(racks.size, 'rack')}: ${short(racks)}`] : [];
  return nodes.length === 1 ? where : [...where, `Nodes: ${short(nodes.map(({ name }) => name))}`];
}

/**
 * What people should know before they agree.
 * @param {Action} action @param {Node[]} nodes @param {(node: Node) => boolean} able so says its driver
 */
export function warnings({ stops, set }, nodes, able) {
  const count = (/** @type {string} */ text, /** @type {(node: Node) => unknown} */ meets) => {
    const its = nodes.filter(meets).length;
    return its ? [`${text}: ${counted(its)}`] : [];
  };
  return set !== undefined ? [] : [
    ...count('On now, and stopped by this', (node) => stops && node.power_state === 'power on'),
    ...count('In maintenance', (node) => node.maintenance),
    ...count('With a change under way', (node) => node.target_power_state),
    ...count('Without a conductor, so that nothing happens for now', (node) => node.conductor === null),
    ...count('Refused, because their driver cannot do it', (node) => !able(node)),
  ];
}

/** @param {Action} action @param {Node[]} nodes @param {Answer} answer @returns {[string, string, object]} */
export function requestOf({ name, set }, nodes, { reason, option, confirmed }) {
  const more = { nodes: named(nodes), ...(reason && { reason }) };
  if (set !== undefined) return ['PUT', 'podium/v1/nodes/maintenance', { maintenance: set, ...more }];
  const agreed = { ...(option && { then_off: true }), ...(confirmed && { confirmed }) };
  return ['POST', 'podium/v1/operations', { action: name, ...more, ...agreed }];
}

/** Names as ranges, in texts as long as the API takes. @param {Node[]} nodes @returns {string[]} */
export function named(nodes) {
  // Signs that others have mean something in ranges.
  const known = nodes.map(({ name, uuid }) => (/^[A-Za-z0-9_.:-]+$/.test(name) ? name : uuid));
  const count = Math.ceil(known.length / TOGETHER);
  return Array.from({ length: count }, (_, at) => folded(known.slice(at * TOGETHER, (at + 1) * TOGETHER)));
}

/** What the API answered, in words. @param {Action} action @param {any} found */
export function outcomeOf({ set }, { changed, unchanged, operation = null, ...asked }) {
  const how = `${set ? 'in' : 'out of'} maintenance${unchanged ? `, ${unchanged} already` : ''}`;
  if (set !== undefined) return { text: `${changed} ${how}`, operation, lines: [] };
  const replaced = asked.replaced ? `; ${asked.replaced} replaced an earlier request` : '';
  const text = operation === null ? 'nothing was requested' : `${asked.requested} requested${replaced}`;
  const lines = [...foldedLines(asked.refused), ...asked.warnings];
  return { text, operation, lines: lines.length > MOST ? [...lines.slice(0, MOST), 'and more'] : lines };
}

/** Lines `NAME: TEXT`, with the names that share a text as ranges. @param {string[]} lines */
export function foldedLines(lines) {
  /** @type {Record<string, string[]>} */
  const alike = {};
  for (const line of lines) {
    const [, name, text] = /^(.*?): (.*)$/s.exec(line) ?? ['', line, ''];
    (alike[text] ??= []).push(name);
  }
  return Object.entries(alike).map(([text, names]) => `${short(names)}: ${text}`);
}
