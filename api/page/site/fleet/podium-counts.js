import { link } from '../core/address.js';
import { h, Part, setText, svg } from '../core/elements.js';

/**
 * The counts: the name in the status, the label, the condition of the nodes, and the severity.
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
/** The first counts are always shown; the others while there are such nodes. */
const ALWAYS = 3;
/** The size of a plot. */
const [WIDTH, HEIGHT] = [72, 18];

/** The counts of the whole fleet, their history, and what needs attention. */
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
    setText(this.#summary, `Needs attention: ${findings.length}, ${grave} of them critical`);
    this.#summary.dataset.severity = grave ? 'critical' : 'warning';
    this.#findings.replaceChildren(...findings.map(({ severity, text, since, where }) => h('li', {},
      h('span', { class: 'mark', 'data-severity': severity }, h('i', { class: 'hidden' }, severity), text),
      since && h('span', { class: 'quiet' }, `since ${new Date(since).toLocaleString()}`),
      where && h('a', { href: this.#addressOf(where) }, 'Show these'))));
  }

  /** @param {string} where @returns the address that shows the nodes that meet this condition */
  #addressOf(where) {
    return link('fleet', '', { ...this.page.address.read().query, where });
  }
}

/**
 * Return the history of a count as a small line, scaled from its least to its greatest value.
 * @param {string} label @param {{at: number, count: number}[]} samples the oldest first, at least two
 */
function plotOf(label, samples) {
  const counts = samples.map(({ count }) => count);
  const [least, most, now] = [Math.min(...counts), Math.max(...counts), counts[counts.length - 1]];
  const [from, to] = [samples[0].at, samples[samples.length - 1].at];
  // A count stays the same until it is read again.
  const d = samples.map(({ at, count }) => {
    const up = least === most ? 0.5 : (count - least) / (most - least);
    const [x, y] = [(WIDTH * (at - from)) / (to - from || 1), HEIGHT - 2 - (HEIGHT - 4) * up];
    return `H${x.toFixed(1)}V${y.toFixed(1)}`;
  }).join('').replace('H0.0V', 'M0,');
  const range = least === most ? `always ${now}` : `between ${least} and ${most}, now ${now},`;
  const minutes = Math.max(1, Math.ceil((to - from) / 60_000));
  const words = `${label}: ${range} in the last ${minutes} min`;
  const shape = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' };
  return svg('svg', { ...shape, role: 'img', 'aria-label': words }, svg('path', { d }));
}

customElements.define('podium-counts', PodiumCounts);
