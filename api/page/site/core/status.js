// The status of the whole fleet, asked for every two seconds; samples for the plot; the server's time.

import { ApiError, ask, silence } from './api.js';
import { pause } from './stream.js';

/**
 * What the page looks at of the answer that client/calls/status.py has.
 * @typedef {{kind: string, severity: 'critical'|'warning', text: string, since: string|null,
 *            nodes: number|null, names: string|null, where: string|null, command: string}} Finding
 * @typedef {{at: string, attention: Finding[], nodes: Record<string, number>, [part: string]: any}} Answer
 * @typedef {{at: number, counts: Record<string, number>}} Sample
 */

/** Milliseconds from one answer to the next question, and seconds that an answer may take. */
const EVERY = 2000;
const PATIENCE = 5;
/** Milliseconds from one sample to the next, and how many there are at most: two hours. */
const SAMPLE_EVERY = 10_000;
const MOST_SAMPLES = 720;
/** Answers from which the difference of the clocks is taken. */
const MOST_CLOCKS = 30;

/** Events: 'change' with every answer; 'failure' when there was none. */
export class Status extends EventTarget {
  /** @type {Answer|null} */
  last = null;
  /** Why there is no newer answer, in one line. */
  failure = '';
  /** @type {Sample[]} the oldest first; their counts are the nodes of an answer */
  history = [];
  /** @type {number[]} */
  #clocks = [];
  #ahead = 0;
  /** @type {AbortController|null} */
  #running = null;

  /** Ask until stop(), while somebody looks at the page. */
  start() { if (!this.#running) void this.#run((this.#running = new AbortController()).signal); }

  /** End it, and forget everything. */
  stop() {
    this.#running?.abort();
    Object.assign(this, { last: null, failure: '', history: [] });
    this.#running = null;
  }

  /** The server's time in milliseconds: an answer may be some seconds old, so that the latest counts. */
  now() { return Date.now() + this.#ahead; }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (; !signal.aborted; await pause(EVERY, signal)) {
      if (document.hidden) continue;
      try {
        this.#take(await ask('GET', 'podium/v1/status', { seconds: PATIENCE, signal }));
      } catch (error) {
        if (signal.aborted) return;
        // Busy with lists, and there.
        if (error instanceof ApiError && !error.status && silence() < PATIENCE) continue;
        this.failure = error instanceof Error ? error.message : String(error);
        this.dispatchEvent(new Event('failure'));
      }
    }
  }

  /** @param {Answer} answer */
  #take(answer) {
    const at = Date.parse(answer.at);
    this.#clocks.push(at - Date.now());
    if (this.#clocks.length > MOST_CLOCKS) this.#clocks.shift();
    this.#ahead = Math.max(...this.#clocks);
    this.last = answer;
    this.failure = '';
    const before = this.history.at(-1);
    if (!before || at - before.at >= SAMPLE_EVERY) this.history.push({ at, counts: answer.nodes });
    if (this.history.length > MOST_SAMPLES) this.history.shift();
    this.dispatchEvent(new Event('change'));
  }
}
