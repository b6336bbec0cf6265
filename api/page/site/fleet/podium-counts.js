import { link } from '../core/address.js';
import { h, Part, setText } from '../core/elements.js';
import { age } from '../core/words.js';
import './podium-plot.js';

/** @typedef {import('../core/status.js').Answer} Answer */

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
  ['failing', 'failing', 'failing', 'warning'],
  ['unserved', 'unserved', 'unserved', 'critical'],
  ['in_maintenance', 'maintenance', 'maintenance'],
];
/** Of these there is always a count; of the others while there are such nodes. */
const ALWAYS = 3;

/** The counts of the whole fleet, how they went, and what needs attention. */
class PodiumCounts extends Part {
  #findings = '';
  show() {
    this.tiles = COUNTS.map(([, label, , severity]) => {
      const count = h('b', { 'data-severity': severity });
      const [words, plot] = [h('a', {}, count, ` ${label}`), h('podium-plot', { page: this.page })];
      return { count, words, plot, tile: h('li', { hidden: true }, words, plot) };
    });
    this.summary = h('span', { role: 'status' });
    this.findings = h('ul', { tabindex: 0, 'aria-label': 'What needs attention' });
    const [summary, open] = [h('summary', {}, this.summary), innerWidth > 640];
    this.attention = h('details', { hidden: true, open }, summary, this.findings);
    const tiles = this.tiles.map(({ tile }) => tile);
    const list = h('ul', { class: 'tiles', 'aria-label': 'The whole fleet' }, ...tiles);
    this.replaceChildren(list, this.attention);
    this.listen(this.page.status, 'change', () => this.soon());
    this.listen(this.page.address, 'change', () => this.soon());
    this.refresh();
  }

  refresh() {
    const { last } = this.page.status;
    if (!last) return;
    this.tiles?.forEach((tile, at) => this.#showCount(tile, last, at));
    this.#showAttention(last.attention);
  }

  /**
   * @param {{count: Element, words: Element, plot: any, tile: HTMLElement}} parts
   * @param {Answer} last @param {number} at
   */
  #showCount({ count, words, plot, tile }, last, at) {
    const { status: { history }, address } = this.page;
    const [name, label, where] = COUNTS[at];
    tile.hidden = at >= ALWAYS && !last.nodes[name];
    setText(count, last.nodes[name].toLocaleString('en'));
    words.setAttribute('href', this.#whereIs(where));
    words.setAttribute('aria-current', String(where !== '' && where === address.read().query.where));
    const samples = [...history, { at: Date.parse(last.at), counts: last.nodes }];
    plot.isNeeded = at < ALWAYS;
    plot.draw(label, samples.map((/** @type {any} */ one) => ({ at: one.at, count: one.counts[name] })));
  }

  /** @param {import('../core/status.js').Finding[]} findings */
  #showAttention(findings) {
    const { attention, summary, page: { fleet } } = this;
    if (!attention || !summary) return;
    attention.hidden = findings.length === 0;
    const grave = findings.filter(({ severity }) => severity === 'critical').length;
    const kinds = [[grave, 'critical'], [findings.length - grave, 'warning']].filter(([count]) => count);
    setText(summary, `Needs attention: ${kinds.map((kind) => kind.join(' ')).join(', ')}`);
    summary.dataset.severity = grave ? 'critical' : 'warning';
    const shown = JSON.stringify(findings);
    if (shown === this.#findings) return;
    this.#findings = shown;
    this.findings?.replaceChildren(...findings.map(({ severity, text, since, where }) => h('li', {},
      h('span', { class: 'mark', 'data-severity': severity },
        h('span', { class: 'hidden' }, `${severity}: `), text),
      since && h('span', { class: 'quiet' }, ` since ${age(fleet.now() - Date.parse(since))}`),
      where && h('a', { href: this.#whereIs(where) }, 'Show these'))));
  }

  /** The address of the nodes that meet a condition.  @param {string} where */
  #whereIs(where) {
    return link('fleet', '', { ...this.page.address.read().query, where });
  }
}

customElements.define('podium-counts', PodiumCounts);
