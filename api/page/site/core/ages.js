// When nodes were last read, and what else the stream does not report: asked for as far as people see it.

import { UNSEEN } from './loading.js';

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

/** Knows what has to be asked for again. */
export class Ages {
  /** The nodes on the screen. @type {Node[]} */
  watched = [];
  /** Who needs the ages of all nodes. @type {Set<object>} */
  readers = new Set();
  /** When was asked for the nodes on the screen, and for all, and how long that took. */
  #some = 0;
  #all = Date.now();
  #took = 0;
  /** When to ask for all, whoever needs them. */
  #due = Infinity;

  /** Conductors have changed, and with them who has which node. */
  expectOthers() { this.#due = Math.min(this.#due, Date.now() + SETTLED * (1 + Math.random())); }

  /** Read what is due. @param {(options: import('./api.js').Options) => Promise<unknown>} read */
  async refresh(read) {
    const begun = Date.now();
    const every = this.readers.size ? Math.max(ALL_EVERY, this.#took / SHARE) : RARELY;
    if (begun >= Math.min(this.#due, this.#all + every)) {
      await read({ query: { fields: UNSEEN.join(',') } });
      if (this.#due <= begun) this.#due = Infinity;
      this.#all = Date.now();
      this.#took = this.#all - begun;
    } else if (this.watched.length && begun >= this.#some + SOME_EVERY) {
      this.#some = begun;
      for (let at = 0; at < this.watched.length; at += AT_ONCE) {
        const some = this.watched.slice(at, at + AT_ONCE).map(({ uuid }) => uuid);
        // Where they are not named, it is no error that one has been deleted.
        await read({ body: { where: `uuid in (${some.join(', ')})`, fields: UNSEEN } });
      }
    }
  }
}
