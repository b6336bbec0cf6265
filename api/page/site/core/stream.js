// The stream of changes: follows podium/v1/changes, resumes behind the last message, says whether it is live.
//
// It is read with fetch, and not with an EventSource, which hides why a stream was refused and whether the
// server still sends its signs of life.

import { ApiError, texts } from './api.js';

/** @typedef {'live'|'connecting'|'lost'} State */
/**
 * A message as client/calls/changes.py has it.
 * @typedef {{kind: 'started'|'reset'|'dropped'|'nodes'|'operations'|'events'|'conductors', cursor: string,
 *            [rest: string]: any}} Message
 */

/** Milliseconds of silence after which the connection is lost; the server breaks it every 15 s. */
const SILENCE = 25_000;
/** Milliseconds from one attempt to the next, growing. */
const GAPS = [250, 1000, 2000, 4000, 8000];
/** Milliseconds after which a tab that nobody looks at gives up its connection. */
const HIDDEN = 30_000;

/**
 * Events: 'state' when it changes; 'opened' when messages with the present fields begin to come; 'messages'
 * with some of them as detail, in order.
 */
export class Stream extends EventTarget {
  /** @type {State} */
  state = 'connecting';
  /** Since when, by the browser's clock in milliseconds. */
  since = Date.now();
  /** Why it is lost, in one line. */
  reason = '';
  #isOpen = false;
  #wasLost = false;
  /** Why the status cannot be had, which is the second proof of life. */
  #doubt = '';
  #cursor = '';
  /** @type {string[]} */
  #fields = [];
  /** @type {AbortController|null} */
  #running = null;
  #connection = new AbortController();
  #hiding = 0;
  #status;

  /** @param {import('./status.js').Status} status */
  constructor(status) {
    super();
    this.#status = status;
  }

  /** Follow until stop(). */
  start() {
    if (this.#running) return;
    const running = (this.#running = new AbortController());
    const { signal } = running;
    document.addEventListener('visibilitychange', () => this.#look(), { signal });
    this.#status.addEventListener('change', () => this.#believe(''), { signal });
    this.#status.addEventListener('failure', () => this.#believe(this.#status.failure), { signal });
    void this.#run(signal);
    this.#look();
  }

  /** End it, and forget where it was. */
  stop() {
    clearTimeout(this.#hiding);
    this.#running?.abort();
    this.#running = null;
    this.#connection.abort();
    this.#cursor = this.#doubt = '';
    this.#isOpen = this.#wasLost = false;
    this.#become();
  }

  /**
   * Have nodes come with other fields, from the same place on.
   * @param {string[]} fields
   */
  follow(fields) {
    this.#fields = fields;
    if (this.#isOpen) this.#isOpen = false;
    this.#connection.abort();
  }

  /** Whether messages come with the present fields. */
  get isOpen() {
    return this.#isOpen;
  }

  #look() {
    clearTimeout(this.#hiding);
    if (document.hidden) {
      this.#hiding = Number(setTimeout(() => {
        this.#isOpen = false;
        this.#connection.abort();
        this.#become();
      }, HIDDEN));
    } else this.dispatchEvent(new Event('shown'));
  }

  /** @param {string} doubt */
  #believe(doubt) {
    this.#doubt = doubt;
    this.#become();
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (let failures = 0; !signal.aborted;) {
      if (document.hidden && !this.#isOpen && this.#cursor) await once(this, 'shown', signal);
      if (signal.aborted) return;
      this.#connection = new AbortController();
      const { signal: until } = this.#connection;
      const begun = Date.now();
      try {
        await this.#read(until);
        failures = 0;
        if (Date.now() - begun < 1000) await pause(1000, signal);
      } catch (error) {
        if (until.aborted) continue;
        failures = this.#isOpen ? 1 : failures + 1;
        this.#lose(error);
        if (error instanceof ApiError && error.status === 400 && this.#cursor) this.#cursor = '';
        await pause(GAPS[Math.min(failures, GAPS.length) - 1] ?? 0, signal);
      } finally {
        this.#isOpen = false;
      }
      this.#become();
    }
  }

  /** @param {unknown} error */
  #lose(error) {
    this.#wasLost = true;
    this.reason = error instanceof Error ? error.message : String(error);
    this.#isOpen = false;
    this.#become();
  }

  /**
   * Read one connection until the server ends it, by which nothing is lost.
   * @param {AbortSignal} signal
   */
  async #read(signal) {
    const query = { fields: this.#fields.join(',') || null, after: this.#cursor || null };
    const opened = () => {
      this.#isOpen = true;
      this.#wasLost = false;
      this.#become();
      this.dispatchEvent(new Event('opened'));
    };
    let rest = '';
    for await (const text of texts('podium/v1/changes', {
      query, signal, accept: 'text/event-stream', silence: SILENCE, opened,
    })) {
      const whole = rest + text;
      const end = whole.lastIndexOf('\n\n');
      rest = end < 0 ? whole : whole.slice(end + 2);
      if (end < 0 || signal.aborted) continue;
      const messages = this.#parsed(whole.slice(0, end));
      if (messages.length) this.dispatchEvent(new CustomEvent('messages', { detail: messages }));
      if (messages.at(-1)?.kind === 'dropped') return;
    }
  }

  /** @param {string} text of whole messages, separated by empty lines */
  #parsed(text) {
    const data = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('data: ')) data.push(line.slice(6));
      else if (line.startsWith('id: ')) this.#cursor = line.slice(4);
    }
    return /** @type {Message[]} */ (JSON.parse(`[${data.join(',')}]`));
  }

  #become() {
    const isLost = this.#wasLost || this.#doubt !== '';
    const state = isLost ? 'lost' : this.#isOpen ? 'live' : 'connecting';
    if (this.#doubt && !this.#wasLost) this.reason = this.#doubt;
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    if (state !== 'lost') this.reason = '';
    this.dispatchEvent(new Event('state'));
  }
}

/**
 * @param {EventTarget} target
 * @param {string} name
 * @param {AbortSignal} signal
 */
function once(target, name, signal) {
  return new Promise((resolve) => {
    target.addEventListener(name, resolve, { once: true, signal });
    signal.addEventListener('abort', resolve, { once: true });
  });
}

/**
 * Wait, but no longer than a signal lets.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(undefined);
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
