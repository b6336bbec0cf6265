// When nodes were last read, and what else the stream does not report: asked for as far as people see it.

import { lines } from './api.js';
import { UNSEEN } from './loading.js';
import { pause } from './stream.js';

/** @typedef {import('./fleet.js').Node} Node */

/** Milliseconds between two questions about nodes on the screen, about all, and about all if nobody cares. */
const SOME_EVERY = 4000;
const ALL_EVERY = 15_000;
const RARELY = 300_000;
/** The share of the time that questions about all nodes may take: several people may look. */
const SHARE = 1 / 20;
/** Milliseconds after a change of conductors until their nodes have others; people ask at different times. */
const SETTLED = 5000;
/** Nodes that are asked about at a time: conditions have at most 2,000 characters. */
const AT_ONCE = 50;
const WHEN_READ = ['uuid', 'power_checked_at'];

/** Keeps current what is no news, while the stream is live. */
export class Ages {
  /** @type {Node[]} */
  #watched = [];
  #next = 0;
  /** @type {Set<object>} who needs the ages of all nodes */
  #readers = new Set();
  /** When to ask, by the browser's clock: for the nodes on the screen, the ages of all, and everything. */
  #due = { some: 0, ages: 0, all: Infinity };
  /** @type {AbortController|null} */
  #running = null;
  #fleet;

  /** @param {import('./fleet.js').Fleet} fleet @param {import('./stream.js').Stream} stream */
  constructor(fleet, stream) {
    this.#fleet = fleet;
    stream.addEventListener('state', () => {
      if (stream.state === 'live' && !this.#running) {
        this.#running = new AbortController();
        this.#due.all = Math.min(this.#due.all, Date.now() + RARELY);
        void this.#run(this.#running.signal);
      } else if (stream.state !== 'live') {
        this.#running?.abort();
        this.#running = null;
      }
    });
  }

  /** @param {Node[]} nodes */
  watch(nodes) { this.#watched = nodes; }

  watchAll() {
    const reader = {};
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  /** Conductors have changed, and with them who has which node. */
  expectOthers() { this.#due.all = Math.min(this.#due.all, Date.now() + SETTLED * (1 + Math.random())); }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (; !signal.aborted; await pause(1000, signal)) {
      if (document.hidden || this.#fleet.phase !== 'whole') continue;
      const due = this.#due;
      const now = Date.now();
      try {
        if (now >= due.all) {
          await this.#ask({ query: { fields: UNSEEN.join(',') }, signal });
          due.all = Date.now() + RARELY;
        } else if (now >= due.ages && this.#readers.size) {
          await this.#ask({ query: { fields: WHEN_READ.join(',') }, signal });
          due.ages = Date.now() + Math.max(ALL_EVERY, (Date.now() - now) / SHARE);
        } else if (now >= due.some && this.#watched.length) {
          if (this.#next >= this.#watched.length) this.#next = 0;
          const some = this.#watched.slice(this.#next, (this.#next += AT_ONCE)).map((node) => node.uuid);
          if (this.#next >= this.#watched.length) due.some = now + SOME_EVERY;
          // Where they are not named, it is no error that one has been deleted.
          await this.#ask({ body: { where: `uuid in (${some.join(', ')})`, fields: UNSEEN }, signal });
        }
      } catch {
        await pause(SOME_EVERY, signal);  // whether the API answers is the stream's to say
      }
    }
  }

  /** @param {import('./api.js').Options} options */
  async #ask(options) {
    const path = options.body ? 'podium/v1/nodes/query' : 'podium/v1/nodes';
    await this.#fleet.read(lines(path, options), []);
  }
}
