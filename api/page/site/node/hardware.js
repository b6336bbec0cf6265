/** What the hardware of a node reports on request: its sensors, its boot device, and its log. */
import { named } from '../acting/actions.js';
import { ApiError, ask } from '../core/api.js';
import { h, setText } from '../core/elements.js';
import { Table, off } from '../showing/table.js';
import { marked } from '../showing/view.js';

/** @typedef {import('../showing/view.js').View & {absent: string, node: any}} NodeView */

/** Log entries that are shown at a time. */
const PAGE = 100;
/** The names of exceeded thresholds, in the words of a status if there is one. */
const BEYOND = { caution: 'Warning', critical: 'Critical', fatal: 'Fatal' };
const KEPT_BACK = 'It does not give its older entries, so that no copy would be whole';
const ASKING = 'Its conductor asks the hardware, which may take half a minute…';

/** @param {string} status */
export const health = (status) => marked('health', status);

/** Buttons that read hardware, and their results. */
export class Hardware {
  #view;
  #sensors = new Table('Sensors', [
    'name', ['value', (one) => (one.value === null ? 'no reading' : `${one.value} ${one.unit}`)],
    // A sensor without a reading is not known to be OK, whatever the thresholds say.
    ['status', ({ value, status }) => (value ?? status) !== 'OK' && status, (one) => health(one.status)],
    ['thresholds', ({ thresholds }) => thresholds && limits(thresholds)],
  ], (one) => one.name);

  #log = new Table('Log of the hardware, the newest first', [
    ['when', ({ at, clock_at: own }) => at ?? own ?? 'unknown', time],
    ['severity', ({ severity }) => severity, ({ severity }) => health(severity)],
    'sensor', 'message', ['as sent', ({ raw }) => raw,
      ({ raw }) => h('details', {}, h('summary', {}, 'show'), h('code', {}, raw))],
  ], (one) => one.id, 'The log of the hardware is empty.');

  /** Log entries, the newest first. @type {any[]} */
  #entries = [];
  #older;
  #clear;
  /** What was read, by which conductor, and when. */
  #source = h('p', { role: 'status' });

  /** @param {NodeView} view */
  constructor(view) {
    this.#view = view;
    const about = `of ${view.name}`;
    const reading = (/** @type {string} */ label, /** @type {() => Promise<string>} */ work) => {
      const button = view.button(label, about, work);
      delete button.dataset['action']; // readers may do this, too: nothing changes
      return button;
    };
    this.#older = reading('older entries', () => this.#readLog(this.#entries.at(-1)?.id));
    this.#clear = view.asking({
      action: 'clear log', about, role: 'operator', reason: true, path: 'operations',
      lines: ['All of it is read before, and your browser saves a copy.'],
      body: ({ reason }) => this.#copied(reason),
      said: ({ operation, refused: [why] }) => why ?? `saved, and cleared by operation ${operation}`,
    });
    [this.#older.hidden, this.#clear.hidden] = [true, true];
    this.elements = [
      h('div', { class: 'row' }, reading('read sensors', () => this.#readSensors()),
        reading('read boot device', () => this.#readBoot()), reading('read log', () => this.#readLog(null)),
        this.#source),
      this.#sensors.element, this.#log.element, h('div', { class: 'row' }, this.#older, this.#clear)];
  }

  /** @param {string} what @param {object} body */
  async #ask(what, body = {}) {
    const { name, absent, ends: { signal } } = this.#view;
    if (absent) throw new ApiError(`Nobody can ask the hardware: it is with ${absent}`, 409);
    setText(this.#source, ASKING);
    return ask('POST', `podium/v1/nodes/${encodeURIComponent(name)}/${what}`, { body, seconds: 60, signal })
      .finally(() => setText(this.#source, ''));
  }

  /** @param {string} words @param {any} found */
  #tell(words, { conductor, read_at: at }) {
    setText(this.#source, `${words}, read by ${conductor} at ${new Date(at).toLocaleTimeString()}`);
    return '';
  }

  async #readSensors() {
    const found = await this.#ask('sensors');
    this.#sensors.show(found.sensors);
    return this.#tell(`${found.sensors.length} sensors`, found);
  }

  async #readBoot() {
    const found = await this.#ask('boot-device');
    const { device, persistent, mode, supported } = found;
    const how = device !== 'default' && (persistent ? 'persistent' : 'once');
    const words = [device ?? 'unknown', how, mode].filter(Boolean).join(', ');
    return this.#tell(`Boot device: ${words}; it could be ${supported.join(', ')}`, found);
  }

  /** @param {string | null} before the entry whose older entries are also to be shown */
  async #readLog(before) {
    const found = await this.#ask('log', { before, limit: PAGE });
    const { entries, more, clock_offset: offset } = found;
    this.#entries = [...(before === null ? [] : this.#entries), ...entries.reverse()];
    this.#log.show(this.#entries);
    this.#older.hidden = !more;
    this.#clear.hidden = !this.#entries.length || !this.#view.page.session.may('operator');
    const clock = offset === null ? 'nobody knows how far its clock is off'
      : `its clock is ${off(offset)}, and times are corrected by that`;
    return this.#tell(`${this.#entries.length} entries; ${clock}`, found);
  }

  /** Save the whole log in a file, and return the body for clearing it. @param {string | null} reason */
  async #copied(reason) {
    /** @type {any[]} */
    let all = [];
    for (let more = true; more;) {
      const found = await this.#ask('log', { before: all[0]?.id ?? null });
      if (found.more && !found.entries.length) throw new ApiError(KEPT_BACK, 409);
      [all, more] = [[...found.entries, ...all], found.more];
    }
    if (!all.length) throw new ApiError('The log is empty', 409);
    const { name, node } = this.#view;
    const lines = new Blob(all.map((one) => `${JSON.stringify(one)}\n`));
    const href = URL.createObjectURL(lines);
    const now = new Date().toISOString().replace(/:|\..*/g, '');
    h('a', { href, download: `${name}-log-${now}.jsonl` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
    const { id: last, clock_at: at, message } = all.at(-1);
    return { action: 'clear log', nodes: named([node]), log: { last, clock_at: at, message }, reason };
  }
}

/** @param {any} thresholds @returns {string} such as Warning <5 >38, Critical >42 */
function limits(thresholds) {
  return Object.entries(BEYOND).map(([level, word]) => {
    const [low, high] = [thresholds[`lower_${level}`], thresholds[`upper_${level}`]];
    return [...(low === null ? [] : [`<${low}`]), ...(high === null ? [] : [`>${high}`])]
      .map((limit, at) => (at ? limit : `${word} ${limit}`)).join(' ');
  }).filter(Boolean).join(', ');
}

/** @param {any} entry of a log */
function time({ at, clock_at: own }) {
  if (!own) return h('span', {}, 'unknown');
  const words = `${new Date(at ?? own).toLocaleString()}${at ? '' : ' by its own clock'}`;
  return h('time', { datetime: at ?? own, title: `by its own clock ${own}` }, words);
}
