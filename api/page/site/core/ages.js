// When nodes were last read: grows unseen by the stream, so that it is asked for as far as somebody sees it.

import { ask, lines } from './api.js';
import { UNSEEN } from './loading.js';
import { pause } from './stream.js';

/** @typedef {import('./fleet.js').Node} Node */

/** Milliseconds between two questions about nodes on the screen, about all, and about all if nobody cares. */
const SOME_EVERY = 5000;
const ALL_EVERY = 15_000;
const RARELY = 300_000;
/** Milliseconds after a change of conductors until their nodes have found others. */
const SETTLED = 5000;
/** Nodes that are on the screen, at most. */
const MOST = 500;

/** Keeps what is no news current; ends with its stream. */
export class Ages {
  /** @type {Node[]} */
  #watched = [];
  #readers = 0;
  /** When to ask about all nodes, by the browser's clock. */
  #dueAt = Infinity;
  #dueSome = 0;
  /** @type {AbortController|null} */
  #running = null;
  #fleet;

  /**
   * @param {import('./fleet.js').Fleet} fleet
   * @param {import('./stream.js').Stream} stream
   */
  constructor(fleet, stream) {
    this.#fleet = fleet;
    stream.addEventListener('state', () => (stream.state === 'live' ? this.#start() : this.#stop()));
  }

  /** @param {Node[]} nodes */
  watch(nodes) {
    this.#watched = nodes.slice(0, MOST);
  }

  /** @returns {() => void} */
  watchAll() {
    let isOver = false;
    this.#readers++;
    this.#dueAt = Math.min(this.#dueAt, Date.now());
    return () => {
      if (!isOver) this.#readers--;
      isOver = true;
    };
  }

  /** Conductors have changed, and with them who has which node. */
  expectOthers() {
    this.#dueAt = Math.min(this.#dueAt, Date.now() + SETTLED);
  }

  #start() {
    if (this.#running) return;
    this.#running = new AbortController();
    this.#dueAt = Math.min(this.#dueAt, Date.now() + (this.#readers ? 0 : RARELY));
    void this.#run(this.#running.signal);
  }

  #stop() {
    this.#running?.abort();
    this.#running = null;
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (; !signal.aborted; await pause(1000, signal)) {
      if (document.hidden || this.#fleet.phase !== 'whole') continue;
      try {
        if (Date.now() >= this.#dueAt) await this.#askAll(signal);
        else if (Date.now() >= this.#dueSome && this.#watched.length) await this.#askSome(signal);
      } catch {
        await pause(SOME_EVERY, signal);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #askSome(signal) {
    const body = { nodes: this.#watched.map((node) => node.uuid), fields: UNSEEN, limit: MOST };
    const { items } = await ask('POST', 'podium/v1/nodes/query', { body, signal });
    for (const row of items) this.#fleet.update(row, []);
    this.#dueSome = Date.now() + SOME_EVERY;
  }

  /** @param {AbortSignal} signal */
  async #askAll(signal) {
    for await (const rows of lines('podium/v1/nodes', { query: { fields: UNSEEN.join(',') }, signal })) {
      for (const row of rows) this.#fleet.update(row, []);
    }
    this.#dueAt = Date.now() + (this.#readers ? ALL_EVERY : RARELY);
  }
}
