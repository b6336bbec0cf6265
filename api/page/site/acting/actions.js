/**
 * The actions on nodes: their wording, the request, and the result in words. The labels are those of
 * `podium node power`; @ stands for nodes, `option` is an extra choice, `stops` means that the action ends
 * what runs on nodes, `set` is only for maintenance, `own` is the driver of an own action, `bootsBy` the
 * action that the driver needs for the `fields`, and `more` makes the request's parameters of these.
 *
 * @typedef {import('../core/fleet.js').Node} Node @typedef {import('./podium-question.js').Answer} Answer
 * @typedef {{name: string, label?: string, title: string, meaning?: string, option?: string, stops?: boolean,
 *   set?: boolean, own?: string, bootsBy?: string, fields?: import('./podium-question.js').Field[],
 *   more?: (given: Record<string, string>) => object}} Action
 * @typedef {Parameters<typeof import('../core/api.js').ask>} Request
 */
import { folded } from '../core/names.js';

const AT_ONCE = 'At once, without asking the operating system.';
const SOFT = { meaning: 'The operating system is asked to shut down.', stops: true,
  option: 'Switch off what is still on after the timeout' };
/** Names too long to be read; lines of a result; nodes in one text of a request. */
const TOO_LONG = /^(.{300}).+/s;
const MOST = 50;
const TOGETHER = 250;

/** Seconds that a light blinks. @type {Record<string, number | null>} */
const BLINKS = { 'for a minute': 60, 'until it is ended': null, 'no longer': 0 };
const AS_IT_IS = 'as it is';
const DEVICES = ['pxe', 'disk', 'cdrom', 'bios', 'safe', 'default'];
const MODE = { name: 'mode', choices: [AS_IT_IS, 'uefi', 'bios'] };
const modeOf = (/** @type {string} */ mode) => (mode === AS_IT_IS ? null : mode);
/** Options of a start, for drivers with the action `bootsBy`. */
const BOOTS = {
  bootsBy: 'set boot device', fields: [{ name: 'boot_once_from', choices: [AS_IT_IS, ...DEVICES] }, MODE],
  /** @param {Record<string, string>} given */
  more: ({ boot_once_from: device = AS_IT_IS, mode }) =>
    (device === AS_IT_IS ? {} : { boot: { device, persistent: false, mode: modeOf(mode) } }),
};

/** @type {readonly Action[]} */
export const ACTIONS = [
  { name: 'power on', title: 'Switch @ on?', ...BOOTS },
  { name: 'power off', title: 'Switch @ off?', meaning: AT_ONCE, stops: true },
  { name: 'soft power off', label: 'soft off', title: 'Shut @ down?', ...SOFT },
  { name: 'rebooting', label: 'reboot', title: 'Reboot @?', stops: true, ...BOOTS,
    meaning: `${AT_ONCE} What is off is switched on.` },
  { name: 'soft rebooting', label: 'soft reboot', title: 'Shut @ down and start again?', ...SOFT,
    ...BOOTS },
  { name: 'power cycle', title: 'Switch @ off and on again?', meaning: AT_ONCE, stops: true, ...BOOTS },
  { name: 'inject nmi', label: 'NMI', title: 'Send @ a diagnostic interrupt?', stops: true,
    meaning: 'Most operating systems then write a dump and stop.' },
  { name: 'set boot device', label: 'boot device', title: 'Set the boot device of @?',
    meaning: 'Nothing is restarted.',
    fields: [{ name: 'device', choices: DEVICES },
      { name: 'for', choices: ['the next boot', 'every boot'] }, MODE],
    more: ({ device, for: which, mode }) =>
      ({ boot: { device, persistent: which === 'every boot', mode: modeOf(mode) } }) },
  { name: 'identify', title: 'Have @ blink?', meaning: 'The light by which people find a machine.',
    fields: [{ name: 'blink', choices: Object.keys(BLINKS) }],
    more: ({ blink = '' }) => ({ identification: { seconds: BLINKS[blink] } }) },
  { name: 'set clock', title: 'Set the clock of @?',
    meaning: 'The clock of the hardware, by which its log is dated, gets the time of the conductor.' },
  { name: 'maintenance set', title: 'Put @ in maintenance?', set: true,
    meaning: 'Power and health are neither read nor restored. What people ask for is done all the same.' },
  { name: 'maintenance unset', title: 'Take @ out of maintenance?', set: false,
    meaning: 'Power and health are read again, power is restored again, and faults are cleared.' },
];

/** A driver's own action. @param {any} declared as the API has it @returns {Action} */
export function ownAction({ name, help: meaning, arguments: fields }) {
  /** @param {Record<string, string>} given empty values are left to the driver */
  const more = (given) => ({ action: 'driver action',
    own: { name, arguments: Object.fromEntries(Object.entries(given).filter(([, value]) => value)) } });
  return { name, title: `Have @ do ${name}?`, meaning, fields, own: name.split('.')[0], more };
}

/** @param {number} count @param {string} what @returns {string} such as 1,200 nodes */
export function counted(count, what = 'node') {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

/** Names as ranges, shortened. @param {Iterable<string>} names */
const short = (names) => folded(names).replace(TOO_LONG, '$1…');

/** The lines of a question about the racks and names of nodes. @param {Node[]} nodes @returns {string[]} */
export function places(nodes) {
  if (!nodes.length) return ['All of them have been deleted.'];
  const racks = new Set(nodes.map(({ rack }) => rack).filter(Boolean));
  if (nodes.length === 1) return [...racks].map((rack) => `Rack ${rack}`);
  const where = racks.size ? [`${counted(racks.size, 'rack')}: ${short(racks)}`] : [];
  return [...where, `Nodes: ${short(nodes.map(({ name }) => name))}`];
}

/**
 * The warnings of a question.
 * @param {Action} action @param {Node[]} nodes @param {(node: Node) => boolean} able according to its driver
 */
export function warnings({ stops, set }, nodes, able) {
  const count = (/** @type {string} */ text, /** @type {Node[]} */ { length }) =>
    (length ? [nodes.length === 1 ? text : `${text}: ${counted(length)}`] : []);
  return set !== undefined ? [] : [
    ...count('On now, and stopped by this', nodes.filter((one) => stops && one.power_state === 'power on')),
    ...count('In maintenance', nodes.filter((one) => one.maintenance)),
    ...count('With a change under way', nodes.filter((one) => one.target_power_state)),
    ...count('Without a conductor, so that nothing happens for now', nodes.filter((one) => !one.conductor)),
    ...count('Refused, because the driver cannot do it', nodes.filter((one) => !able(one))),
  ];
}

/** @param {Action} action @param {Node[]} nodes @param {Answer} answer @returns {Request} */
export function requestOf({ name, set, more: its }, nodes, { reason, option, given, confirmed, key }) {
  const more = { nodes: named(nodes), uuids_xor: xored(nodes), ...(reason && { reason }) };
  const agreed = { ...(option && { then_off: true }), ...(confirmed && { confirmed }),
    ...its?.(given) };
  return set === undefined
    ? ['POST', 'podium/v1/operations', { key, seconds: 60, body: { action: name, ...more, ...agreed } }]
    : ['PUT', 'podium/v1/nodes/maintenance', { key, seconds: 60, body: { maintenance: set, ...more } }];
}

/** Names as ranges, in texts as long as the API takes. @param {Node[]} nodes @returns {string[]} */
export function named(nodes) {
  // Other characters have a meaning in ranges.
  const known = nodes.map(({ name, uuid }) => (/^[A-Za-z0-9_.:-]+$/.test(name) ? name : uuid));
  const count = Math.ceil(known.length / TOGETHER);
  return Array.from({ length: count }, (_, at) => folded(known.slice(at * TOGETHER, (at + 1) * TOGETHER)));
}

/** Identifies the machines with the names. @param {Node[]} nodes @returns {string} the xor of their UUIDs */
export function xored(nodes) {
  const found = nodes.reduce((sum, { uuid }) => sum ^ BigInt(`0x${uuid.replaceAll('-', '')}`), 0n);
  return found.toString(16).padStart(32, '0');
}

/** The API's answer in words. @param {Action} action @param {any} found */
export function outcomeOf({ set }, { changed, unchanged, operation = null, ...asked }) {
  const how = `${set ? 'in' : 'out of'} maintenance${unchanged ? `, ${unchanged} already` : ''}`;
  if (set !== undefined) return { text: `${changed} ${how}`, operation, lines: [] };
  const replaced = asked.replaced ? `; ${asked.replaced} replaced an earlier request` : '';
  const text = operation === null ? 'nothing was requested' : `${asked.requested} requested${replaced}`;
  const lines = [...foldedLines(asked.refused), ...asked.warnings];
  return { text, operation, lines: lines.length > MOST ? [...lines.slice(0, MOST), 'and more'] : lines };
}

/** Lines `NAME: TEXT`, with names that share a text folded into ranges. @param {string[]} lines */
export function foldedLines(lines) {
  /** @type {Record<string, string[]>} */
  const alike = {};
  for (const line of lines) {
    const [, name, text] = /^(.*?): (.*)$/s.exec(line) ?? ['', line, ''];
    (alike[text] ??= []).push(name);
  }
  return Object.entries(alike).map(([text, names]) => `${short(names)}: ${text}`);
}
