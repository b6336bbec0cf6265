// The stream of changes: it resumes after its last message, and reports whether what is shown is live.
//
// It is read with fetch: an EventSource hides the reason of a refusal, and the server's keep-alive comments.

import { ApiError, texts } from './api.js';
import { amongFew, once, pause } from './waiting.js';

/** @typedef {{kind: string, cursor: string, [rest: string]: any}} Message see client/calls/changes.py */
/** @typedef {'live'|'connecting'|'waiting'|'lost'} State */

/** Seconds of silence after which the connection counts as lost; the server sends something every 15 s. */
const SILENCE = 25;
/** The mean milliseconds between connections; they vary, so that windows do not connect all at once. */
const GAP = 1000;
/** Milliseconds after which a hidden tab gives up its connection. */
const HIDDEN = 30_000;
/** The most live windows of one browser: over HTTP/1.1 it has six connections to a host. */
export const MOST_LIVE = 4;

/** Events: 'state'; 'messages' with some messages as detail, in order. */
export class Stream extends EventTarget {
  /** Also 'lost' without a status, which is the second proof of life. @type {State} */
  state = 'connecting';
  /** Since when, by the browser's clock in milliseconds. */
  since = Date.now();
  /** The state of the connection alone. @type {State} */
  #own = 'connecting';
  #cursor = '';
  #fields = '';
  #connection = new AbortController();
  #status;

  /** @param {import('./status.js').Status} status */
  constructor(status) {
    super();
    this.#status = status;
    status.addEventListener('change', () => this.#become(this.#own));
  }

  /** Receive nodes with these fields, from the same place on. @param {string[]} fields */
  follow(fields) {
    this.#fields = fields.join(',');
    this.#connection.abort();
  }

  /** Follow the stream until the signal, then forget the place. @param {AbortSignal} signal */
  async run(signal) {
    signal.addEventListener('abort', () => {
      this.#connection.abort();
      this.#cursor = '';
      this.#become('connecting');
    });
    while (!signal.aborted) {
      if (document.hidden) await once(document, 'visibilitychange', signal);
      else if (!await amongFew(MOST_LIVE, () => this.#connect(signal))) {
        this.#become('waiting');
        await pause(GAP, signal);
      }
    }
  }

  /** Read one connection, then pause. @param {AbortSignal} signal */
  async #connect(signal) {
    const { signal: ending } = this.#connection = new AbortController();
    const state = await this.#read(ending);
    if (ending.aborted) return;
    this.#become(state);
    await pause(GAP * (0.5 + Math.random()), signal);
  }

  /**
   * Read one connection until it ends; nothing is lost if the server ends it.
   * @param {AbortSignal} signal @returns {Promise<State>} the state after it
   */
  async #read(signal) {
    const query = { fields: this.#fields || null, after: this.#cursor || null };
    const options = { query, signal, accept: 'text/event-stream', seconds: SILENCE };
    let rest = '';
    let seen = Date.now();
    try {
      for await (const text of texts('GET', 'podium/v1/changes', options)) {
        if (!document.hidden) seen = Date.now();
        if (signal.aborted || Date.now() - seen > HIDDEN) break;
        this.#become('live');
        const whole = rest + text;
        const end = whole.lastIndexOf('\n\n');
        rest = whole.slice(end < 0 ? 0 : end + 2);
        const messages = this.#parsed(whole.slice(0, Math.max(end, 0)));
        if (messages.length) this.dispatchEvent(new CustomEvent('messages', { detail: messages }));
        if (messages.at(-1)?.kind === 'dropped') break;
      }
      return 'connecting';
    } catch (error) {
      if (error instanceof ApiError && error.status === 400) this.#cursor = '';
      return 'lost';
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

  /** @param {State} own */
  #become(own) {
    this.#own = own;
    const state = this.#status.failure ? 'lost' : own;
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    this.dispatchEvent(new Event('state'));
  }
}
