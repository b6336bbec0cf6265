/** Conductors: their states, the nodes that each owns, and how well they keep up. */
import { counted } from '../acting/actions.js';
import { link } from '../core/address.js';
import { ask, wordsOf } from '../core/api.js';
import { h } from '../core/elements.js';
import { age } from '../core/words.js';
import { Facts, Table, inUnits, inWords } from '../showing/table.js';
import { View, marked } from '../showing/view.js';

/** The actions on conductors: the words for their results, and their meanings. */
const DUTIES = {
  drain: {
    said: ['drained already', 'drained from now on'],
    lines: ['Others take over its nodes. It stays out of service until it is undrained, even if restarted.'],
    option: 'Even if nobody else serves some of its nodes, which it then keeps',
  },
  undrain: { said: ['in service already', 'in service again'], lines: ['It takes over nodes again.'] },
  thaw: {
    said: ['is not frozen', 'goes on'],
    lines: ['All conductors restore power states again. They froze because of what looks like an outage, and'
      + ' thaw by themselves when it is over.'],
  },
};
/** @type {Record<string, string>} */
const SEVERITY = { alive: 'fine', silent: 'critical', yes: 'fine' };

/** All conductors, and the freshness of their reads. */
export class PodiumConductors extends View {
  #total = 0;
  #frozen = new Facts('Enforcement');
  #freshness = new Facts('Freshness of all nodes');
  #table = new Table('Conductors', [
    'hostname', ['state', (one) => this.#state(one), (one) => mark(one.state, this.#state(one))],
    ['nodes', ({ nodes }) => nodes, ({ hostname, nodes }) =>
      h('a', { href: link('fleet', '', { where: `conductor=${hostname}` }) }, nodes)],
    ['share', (one) => this.#total > 0 && `${inWords(one.nodes / this.#total * 100)} %`], 'workers',
    ['lease renewed', (one) => one.lease_age !== null && age(one.lease_age * 1000)],
    ['groups', (one) => one.conductor_groups?.map((/** @type {string} */ group) => group || 'none')],
    'drivers', 'version', ['options that differ', (one) => one.differs_in],
    ['actions', (one) => this.#duty(one), (one) => this.#button(this.#duty(one) || 'drain', one.hostname)],
  ], (one) => one.hostname);
  #sweeps = new Table('Sweeps', [
    'driver', 'nodes', ['last took', (one) => inUnits(one.sweep_duration)], 'reads_per_second',
    'queued', ['failures', (one) => inWords(one.failures) || 'none'],
    ['keeps up', (one) => (one.late ? 'late' : 'yes'), (one) => mark(one.late ? 'late' : 'yes')],
  ], (one) => one.driver);

  show() {
    const tables = [this.#frozen, this.#table, this.#sweeps, this.#freshness];
    this.soonAfter([this.page.fleet, 'conductors']);
    void this.begin(5, (signal) => this.#load(signal), ...tables.map((one) => one.element));
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    /** @type {any[]} */
    const items = (await ask('GET', 'podium/v1/conductors', { signal })).items;
    this.#total = items.reduce((sum, { nodes }) => sum + nodes, 0);
    this.#table.show(items);
    const { frozen_at: since, frozen_reason: why } = items.find((one) => one.frozen_at) ?? {};
    const mayThaw = since && this.page.session.may('admin');
    this.#frozen.show({}, ['frozen', since && `${this.ago(since)}: ${why}`],
      ['actions', mayThaw, () => this.#button('thaw', 'enforcement')]);
    const all = await ask('GET', 'podium/v1/freshness', { signal });
    const unread = all.unread.map((/** @type {any} */ one) => `${counted(one.nodes)} ${wordsOf(one.why)}`);
    this.#freshness.show(all, 'failing', 'never_read', 'unreadable', 'unowned', 'held_by_ended',
      ['fresh share', all.fresh_share !== null && `${Number((all.fresh_share * 100).toFixed(3))} %`],
      ['ages of readings', agesOf(all.power_state_ages ?? {})],
      ['oldest reading', all.oldest !== null && age(all.oldest * 1000)],
      'out_of_reach', ['not read', unread.join('; ')]);
    const sweeps = Object.entries(all.power_reads ?? {}).map(([driver, reads]) => ({ ...reads, driver }));
    this.#sweeps.show(sweeps.filter((one) => one.nodes || one.reads));
  }

  /** @param {any} one */
  #state({ state, since }) { return since ? `${state}, ${this.ago(since)}` : state; }

  /** @param {any} one @returns {'' | 'drain' | 'undrain'} its possible action */
  #duty({ state }) {
    if (!this.page.session.may('admin') || state === 'gone') return '';
    return state.startsWith('drain') ? 'undrain' : 'drain';
  }

  /** @param {keyof typeof DUTIES} action @param {string} about a conductor, or enforcement */
  #button(action, about) {
    const path = action === 'thaw' ? 'enforcement' : `conductors/${encodeURIComponent(about)}`;
    const { said, ...words } = DUTIES[action];
    return this.asking({ action, about, role: 'admin', ...words, path: `${path}/${action}`,
      body: ({ option }) => (option ? { force: true } : {}), said: ({ changed }) => said[Number(changed)] });
  }
}

/** @param {{median?: number, p99?: number}} ages in seconds */
const agesOf = ({ median, p99 }) => typeof median === 'number' && typeof p99 === 'number'
  && `half up to ${inUnits(median)}, 99 % up to ${inUnits(p99)}`;

/** @param {string} state @param {string} words */
const mark = (state, words = state) => marked('severity', SEVERITY[state] ?? 'warning', words);

customElements.define('podium-conductors', PodiumConductors);
