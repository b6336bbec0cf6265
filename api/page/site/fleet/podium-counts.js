import { link } from '../core/address.js';
import { h, Part, setText } from '../core/elements.js';
import { plotOf } from './plot.js';

/**
 * What is counted: the status's name for it, its words, the condition of these nodes, and how bad it is.
 * @type {[name: string, label: string, where: string, severity?: string][]}
 */
const COUNTS = [
  ['total', 'nodes', ''],
  ['power_on', 'power on', 'power_state=on'],
  ['power_off', 'power off', 'power_state=off'],
  ['power_error', 'error', 'power_state=error', 'critical'],
  ['power_unknown', 'unknown', 'power_state=none', 'warning'],
  ['changing', 'under way', 'target_power_state!=none'],
  ['health_critical', 'health critical', 'health=critical', 'critical'],
  ['health_warning', 'health warning', 'health=warning', 'warning'],
  ['failing', 'failing', 'power_failures>0', 'critical'],
  ['unserved', 'unserved', 'unserved', 'critical'],
  ['in_maintenance', 'maintenance', 'maintenance'],
];
/** @type {Intl.DateTimeFormatOptions} */
const SHORT = { dateStyle: 'short', timeStyle: 'short' };
/** Of these there is always a count; of the others while there are such nodes. */
const ALWAYS = 3;

/** The counts of the whole fleet, how they went, and what needs attention. */
class PodiumCounts extends Part {
  #tiles = COUNTS.map(([, label, , severity]) => {
    const [count, plot] = [h('b', { 'data-severity': severity }), h('span')];
    const words = h('a', {}, count, ` ${label}`);
    return { count, plot, words, tile: h('li', { hidden: true }, words, plot) };
  });
  #summary = h('span', { role: 'status' });
  #findings = h('ul', { tabindex: 0, 'aria-label': 'What needs attention' });
  #attention = h('details', { hidden: true }, h('summary', {}, this.#summary), this.#findings);
  #known = '';

  show() {
    const tiles = this.#tiles.map(({ tile }) => tile);
    this.#attention.open = innerWidth > 640;
    this.replaceChildren(h('ul', { 'aria-label': 'The whole fleet' }, ...tiles), this.#attention);
    this.soonAfter([this.page.status, 'change'], [this.page.address, 'change']);
    this.refresh();
  }

  refresh() {
    const { status: { last, history }, address } = this.page;
    if (!last) return;
    const samples = [...history, { at: Date.parse(last.at), counts: last.nodes }];
    COUNTS.forEach(([name, label, where], at) => {
      const { count, plot, words, tile } = this.#tiles[at];
      const its = samples.map((/** @type {any} */ one) => ({ at: one.at, count: one.counts[name] }));
      tile.hidden = at >= ALWAYS && !last.nodes[name];
      setText(count, last.nodes[name].toLocaleString('en'));
      words.setAttribute('href', this.#addressOf(where));
      words.ariaCurrent = String(where !== '' && where === address.read().query.where);
      plot.hidden = at >= ALWAYS && its.every((/** @type {any} */ one) => one.count === its[0].count);
      if (!plot.hidden) plot.replaceChildren(plotOf(label, its));
    });
    this.#showAttention(last.attention);
  }

  /** @param {import('../core/status.js').Finding[]} findings */
  #showAttention(findings) {
    const known = JSON.stringify(findings);
    if (known === this.#known) return;
    this.#known = known;
    this.#attention.hidden = findings.length === 0;
    const grave = findings.filter(({ severity }) => severity === 'critical').length;
    const kinds = [[grave, 'critical'], [findings.length - grave, 'warning']].filter(([count]) => count);
    setText(this.#summary, `Needs attention: ${kinds.map((kind) => kind.join(' ')).join(', ')}`);
    this.#summary.dataset.severity = grave ? 'critical' : 'warning';
    this.#findings.replaceChildren(...findings.map(({ severity, text, since, where }) => h('li', {},
      h('span', { class: 'mark', 'data-severity': severity }, h('i', { class: 'hidden' }, severity), text),
      since && h('span', { class: 'quiet' }, `since ${new Date(since).toLocaleString([], SHORT)}`),
      where && h('a', { href: this.#addressOf(where) }, 'Show these'))));
  }

  /** @param {string} where @returns the address of the nodes that meet this condition */
  #addressOf(where) {
    return link('fleet', '', { ...this.page.address.read().query, where });
  }
}

customElements.define('podium-counts', PodiumCounts);
