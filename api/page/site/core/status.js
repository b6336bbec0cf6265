// The status of the whole fleet, requested every two seconds; samples for the plots; the server's time.

import { ApiError, ask, silence, wordsOf } from './api.js';
import { pause } from './waiting.js';

/**
 * The parts of the answer in client/calls/status.py that the page uses.
 * @typedef {{kind: string, severity: 'critical'|'warning', text: string, since: string|null,
 *            nodes: number|null, names: string|null, where: string|null, command: string}} Finding
 * @typedef {{at: string, attention: Finding[], nodes: Record<string, number>, [part: string]: any}} Answer
 * @typedef {{at: number, counts: Record<string, number>}} Sample
 */

/** Milliseconds from one answer to the next request, and seconds that an answer may take. */
const EVERY = 2000;
const PATIENCE = 5;
/** Milliseconds from one sample to the next, and the most samples: two hours. */
const SAMPLE_EVERY = 10_000;
const MOST_SAMPLES = 720;

/** The event 'change' comes with every answer, and when a request fails. */
export class Status extends EventTarget {
  /** @type {Answer|null} */
  last = null;
  /** Why there is no newer answer, in one line. */
  failure = '';
  /** @type {Sample[]} the oldest first; their counts are the nodes of an answer */
  history = [];
  /** Milliseconds by which the server's clock is ahead. */
  #ahead = 0;

  /** The server's time in milliseconds. */
  now() { return Date.now() + this.#ahead; }

  /** Poll until the signal, while the page is visible; then forget everything. @param {AbortSignal} signal */
  async run(signal) {
    signal.addEventListener('abort', () => Object.assign(this, { last: null, failure: '', history: [] }));
    for (; !signal.aborted; await pause(EVERY, signal)) {
      if (document.hidden) continue;
      try {
        this.#take(await ask('GET', 'podium/v1/status', { seconds: PATIENCE, signal }));
        this.failure = '';
      } catch (error) {
        if (signal.aborted) return;
        // The server is busy with lists, but alive.
        if (error instanceof ApiError && !error.status && silence() < PATIENCE) continue;
        this.failure = wordsOf(error);
      }
      this.dispatchEvent(new Event('change'));
    }
  }

  /** @param {Answer} answer */
  #take(answer) {
    const at = Date.parse(answer.at);
    this.#ahead = at - Date.now();
    this.last = answer;
    if (at - (this.history.at(-1)?.at ?? 0) < SAMPLE_EVERY) return;
    this.history = [...this.history, { at, counts: answer.nodes }].slice(-MOST_SAMPLES);
  }
}
