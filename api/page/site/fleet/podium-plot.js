import { Part, svg } from '../core/elements.js';

const [WIDTH, HEIGHT] = [72, 18];

/** How a count went, as a small line from its least to its most. */
class PodiumPlot extends Part {
  /** Whether a count that stays the same is drawn. */
  isNeeded = false;
  #line = svg('path', { class: 'line' });
  #area = svg('path', { class: 'area' });
  #picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' }, this.#area, this.#line);

  /** @param {string} label @param {{at: number, count: number}[]} samples the oldest first */
  draw(label, samples) {
    const counts = samples.map(({ count }) => count);
    const [least, most, now] = [Math.min(...counts), Math.max(...counts), counts[counts.length - 1]];
    this.hidden = samples.length < 2 || (least === most && !this.isNeeded);
    if (this.hidden) return;
    if (!this.firstChild) this.append(this.#picture);
    const [from, to] = [samples[0].at, samples[samples.length - 1].at];
    const across = (/** @type {number} */ at) => ((WIDTH * (at - from)) / (to - from || 1)).toFixed(1);
    const up = (/** @type {number} */ count) =>
      (HEIGHT - 2 - (HEIGHT - 4) * (least === most ? 0.5 : (count - least) / (most - least))).toFixed(1);
    // A count stays as it was until it is read again.
    const steps = samples.map(({ at, count }) => `H${across(at)}V${up(count)}`);
    const path = `M0,${up(counts[0])}${steps.join('')}`;
    this.#line.setAttribute('d', path);
    this.#area.setAttribute('d', `${path}V${HEIGHT}H0Z`);
    const range = least === most ? `always ${now}` : `between ${least} and ${most}, now ${now},`;
    const minutes = Math.max(1, Math.round((to - from) / 60_000));
    this.#picture.setAttribute('aria-label', `${label}: ${range} in the last ${minutes} min`);
  }
}

customElements.define('podium-plot', PodiumPlot);
