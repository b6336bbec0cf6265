// The stream of changes: resumes behind its last message, and says whether what is shown is live.
//
// It is read with fetch. An EventSource hides why it was refused, and the server's signs of life.

import { ApiError, texts } from './api.js';

/** @typedef {{kind: string, cursor: string, [rest: string]: any}} Message see client/calls/changes.py */

/** Seconds of silence after which the connection is lost; the server breaks it every 15 s. */
const SILENCE = 25;
/** Milliseconds from one attempt to the next, about. */
const GAPS = [250, 1000, 2000];
/** Milliseconds after which a tab that nobody looks at gives up its connection. */
const HIDDEN = 30_000;

/** Events: 'state'; 'messages' with some of them as detail, in order; 'opened'. */
export class Stream extends EventTarget {
  state = /** @type {'live'|'connecting'|'lost'} */ ('connecting');
  /** Since when, by the browser's clock in milliseconds. */
  since = Date.now();
  /** Why it is lost, in one line. */
  reason = '';
  /** Whether messages come, with the fields that are wanted. */
  isOpen = false;
  /** Why the connection was lost, and why there is no status, which is the second proof of life. */
  #fault = '';
  #doubt = '';
  #cursor = '';
  #fields = '';
  /** @type {AbortController|null} */
  #running = null;
  #connection = new AbortController();
  #status;

  /** @param {import('./status.js').Status} status */
  constructor(status) {
    super();
    this.#status = status;
  }

  /** Follow until stop(). */
  start() {
    if (this.#running) return;
    const { signal } = (this.#running = new AbortController());
    const status = this.#status;
    for (const name of ['change', 'failure']) {
      status.addEventListener(name, () => this.#become(this.#fault, status.failure), { signal });
    }
    document.addEventListener('visibilitychange', () => void this.#rest(signal), { signal });
    void this.#run(signal);
    void this.#rest(signal);
  }

  /** End it, and forget where it was. */
  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#connection.abort();
    this.#cursor = '';
    this.#become('', '', false);
  }

  /** Have nodes come with these fields, from the same place on. @param {string[]} fields */
  follow(fields) {
    this.#fields = fields.join(',');
    this.isOpen = false;
    this.#connection.abort();
  }

  /** Wait until messages come with the fields that are wanted. @param {AbortSignal} signal */
  async whenOpen(signal) { while (!this.isOpen && !signal.aborted) await once(this, 'opened', signal); }

  /** @param {AbortSignal} signal */
  async #rest(signal) {
    if (document.hidden) await pause(HIDDEN, signal);
    if (!document.hidden || !this.isOpen) return;
    this.#become(this.#fault, this.#doubt, false);
    this.#connection.abort();
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (let failures = 0; !signal.aborted;) {
      while (document.hidden && !signal.aborted) await once(document, 'visibilitychange', signal);
      if (signal.aborted) return;
      this.#connection = new AbortController();
      const ending = this.#connection.signal;
      const begun = Date.now();
      try {
        await this.#read(ending);
        if (ending.aborted) continue;
        failures = Date.now() - begun < 1000 ? failures + 1 : 0;
        this.#become('', this.#doubt, false);
      } catch (error) {
        if (ending.aborted) continue;
        failures = this.isOpen ? 1 : failures + 1;
        if (error instanceof ApiError && error.status === 400) this.#cursor = '';
        this.#become(error instanceof Error ? error.message : String(error), this.#doubt, false);
      }
      await pause(GAPS[Math.min(failures, 2)] * (0.75 + Math.random() / 2), signal);
    }
  }

  /** Read one connection until the server ends it, by which nothing is lost. @param {AbortSignal} signal */
  async #read(signal) {
    const query = { fields: this.#fields || null, after: this.#cursor || null };
    const opened = () => {
      this.#become('', this.#doubt, true);
      this.dispatchEvent(new Event('opened'));
    };
    const options = { query, signal, accept: 'text/event-stream', seconds: SILENCE, opened };
    let rest = '';
    for await (const text of texts('GET', 'podium/v1/changes', options)) {
      if (signal.aborted) return;
      const whole = rest + text;
      const end = whole.lastIndexOf('\n\n');
      rest = whole.slice(end < 0 ? 0 : end + 2);
      const messages = this.#parsed(whole.slice(0, Math.max(end, 0)));
      if (messages.length) this.dispatchEvent(new CustomEvent('messages', { detail: messages }));
      if (messages.at(-1)?.kind === 'dropped') return;
    }
  }

  /** @param {string} text of whole messages @returns {Message[]} */
  #parsed(text) {
    const data = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('data: ')) data.push(line.slice(6));
      else if (line.startsWith('id: ')) this.#cursor = line.slice(4);
    }
    return JSON.parse(`[${data.join(',')}]`);
  }

  /** @param {string} fault @param {string} doubt @param {boolean} isOpen */
  #become(fault, doubt, isOpen = this.isOpen) {
    Object.assign(this, { isOpen, reason: fault || doubt });
    this.#fault = fault;
    this.#doubt = doubt;
    const state = this.reason ? 'lost' : isOpen ? 'live' : 'connecting';
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    this.dispatchEvent(new Event('state'));
  }
}

/** @param {EventTarget} target @param {string} name @param {AbortSignal} signal ends the waiting, too */
export function once(target, name, signal) {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const end = () => resolve(ended.abort());
    target.addEventListener(name, end, { signal: ended.signal });
    signal.addEventListener('abort', end, { signal: ended.signal });
    if (signal.aborted) end();
  });
}

/** @param {number} milliseconds @param {AbortSignal} signal ends the waiting, too */
export async function pause(milliseconds, signal) {
  const bell = new EventTarget();
  const timer = setTimeout(() => bell.dispatchEvent(new Event('ring')), milliseconds);
  await once(bell, 'ring', signal);
  clearTimeout(timer);
}
