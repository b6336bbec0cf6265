import { svg } from '../core/elements.js';

const [WIDTH, HEIGHT] = [72, 18];

/**
 * Return how a count went, as a small line from its least to its most.
 * @param {string} label @param {{at: number, count: number}[]} samples the oldest first, at least two
 */
export function plotOf(label, samples) {
  const counts = samples.map(({ count }) => count);
  const [least, most, now] = [Math.min(...counts), Math.max(...counts), counts[counts.length - 1]];
  const [from, to] = [samples[0].at, samples[samples.length - 1].at];
  // A count stays as it was until it is read again.
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
