// The present nodes of the fleet: listed once, and kept current by the stream of changes.
//
// The stream is opened before the list is requested. A node that the stream reported meanwhile is newer than
// its row in the list, which is then ignored, so no message has to wait for the end of the list.

import { ask, lines, wordsOf } from './api.js';
import { BASE, Records, UNSEEN } from './loading.js';
import { byKey } from './names.js';
import { once, pause } from './waiting.js';

/** @typedef {import('./loading.js').Node} Node */

/** The least milliseconds from one 'change' to the next; and the same while further nodes are loaded. */
const CHANGE_EVERY = 100;
const MORE_EVERY = 500;
/** Milliseconds between checks for what has to be read, and after a failed list. */
const LOOK_EVERY = 1000;
const AGAIN = 2000;
/** Milliseconds until values that the stream does not report, such as the times of reads, are requested
 * again; and the pause as a multiple of the request's duration, because several people may look. */
const UNSEEN_EVERY = 4000;
const RESTS = 30;
/** The most columns that are kept besides the base: each takes memory for every node. */
const MOST_COLUMNS = 40;

/**
 * Events: 'change' with {nodes: Set<Node>, order: boolean}, including deleted nodes, a few times a second;
 * 'phase'; and 'operations', 'events' and 'conductors', each with its messages from the stream.
 */
export class Fleet extends EventTarget {
  /** @type {Map<string, Node>} by UUID */
  nodes = new Map();
  /** @type {Node[]} in natural order; another list after a change of the order */
  ordered = [];
  phase = /** @type {'loading'|'whole'} */ ('loading');
  /** Why the nodes cannot be listed, in one line. */
  failure = '';
  #records = new Records();
  /** @type {{nodes: Set<Node>, order: boolean}|null} not yet reported by 'change' */
  #untold = null;
  /** @type {Set<string>|null} the UUIDs that the stream reported while a list is read */
  #reported = null;
  /** The number of full reads that were wanted, and the number of the last one that was done. */
  #wanted = 0;
  #read = 0;
  /** When to request what the stream does not report. */
  #due = 0;
  #stream;
  #status;

  /** @param {import('./stream.js').Stream} stream @param {import('./status.js').Status} status */
  constructor(stream, status) {
    super();
    this.#stream = stream;
    this.#status = status;
    stream.follow(this.#records.fields);
    stream.addEventListener('messages', (/** @type {any} */ { detail }) => {
      for (const message of detail) this.#take(message);
    });
  }

  /** The expected number of nodes. */
  get total() {
    const { total = 0, enroll = 0 } = this.#status.last?.nodes ?? {};
    return total + enroll;
  }

  /** The server's time, in milliseconds. */
  now() { return this.#status.now(); }

  /** Read all necessary lists, one after another, until the signal. @param {AbortSignal} signal */
  async run(signal) {
    signal.addEventListener('abort', () => this.#clear());
    while (!signal.aborted) {
      try {
        const isQuiet = this.phase === 'whole' && this.#stream.state === 'live' && !document.hidden;
        if (this.#isDue) await this.#load(signal);
        else if (isQuiet && Date.now() >= this.#due) await this.#list(UNSEEN, signal);
        if (!this.#isDue) await once(this, 'wanted', signal, LOOK_EVERY);
      } catch (error) {
        if (signal.aborted) return;
        this.failure = wordsOf(error);
        this.#tell('phase');
        await pause(AGAIN, signal);
      }
    }
  }

  /**
   * Load more columns of every node, such as extra.zone, from now on; if there are too many, only these.
   * @param {readonly string[]} columns
   * @returns {Promise<void>} when all nodes have them; ApiError if a column does not exist
   */
  async need(columns) {
    const more = columns.filter((column) => !this.#records.fields.includes(column));
    if (more.length > MOST_COLUMNS) throw new Error('These are too many fields');
    if (more.length) {
      await ask('GET', 'podium/v1/nodes', { query: { fields: more.join(','), limit: 1 } });
      const all = [...this.#records.fields, ...columns];
      this.#records.know(all.length > BASE.length + MOST_COLUMNS ? columns : all);
      this.#stream.follow(this.#records.fields);
      this.#want();
    }
    while (this.#read < this.#wanted) await once(this, 'phase');
  }

  /** Whether some of these columns are not loaded yet. @param {readonly string[]} columns */
  lacks(columns) {
    const { fields } = this.#records;
    const more = columns.filter((column) => !BASE.includes(column));
    return more.some((column) => this.#read < this.#wanted || !fields.includes(column));
  }

  get #isDue() { return this.#stream.state === 'live' && this.#read < this.#wanted; }

  #want() {
    this.#wanted += 1;
    this.#tell('wanted');
  }

  /** Read all nodes: with all columns, or those that were added. @param {AbortSignal} signal */
  async #load(signal) {
    const wanted = this.#wanted;
    const { fields: all, added } = this.#records;
    const seen = await this.#list(this.phase === 'whole' ? added : all, signal);
    for (const [uuid, node] of this.nodes) if (!seen.has(uuid)) this.#remove(node);
    this.#read = wanted;
    if (wanted === this.#wanted) this.phase = 'whole';
    this.#tell('phase');
  }

  /**
   * Read a list of nodes, and take its rows, except for nodes that the stream reports meanwhile.
   * @param {string[]} fields @param {AbortSignal} signal @returns {Promise<Set<string>>} the UUIDs of all
   */
  async #list(fields, signal) {
    const begun = Date.now();
    const reported = this.#reported = new Set();
    const seen = new Set();
    for await (const rows of lines('podium/v1/nodes', { query: { fields: fields.join(',') }, signal })) {
      for (const row of rows) {
        seen.add(row.uuid);
        if (!reported.has(row.uuid)) this.#put(row);
      }
    }
    for (const uuid of reported) seen.add(uuid);
    this.#reported = null;
    this.failure = '';
    this.#due = Date.now() + Math.max(UNSEEN_EVERY, RESTS * (Date.now() - begun));
    return seen;
  }

  /** @param {import('./stream.js').Message} message */
  #take({ kind, ...rest }) {
    if (kind === 'nodes') {
      const known = this.nodes.get(rest.node.uuid);
      this.#reported?.add(rest.node.uuid);
      if (!rest.gone) this.#put(rest.node);
      else if (known) this.#remove(known);
    } else if (kind === 'started' || kind === 'reset') {
      this.phase = 'loading';
      this.#want();
    } else this.#tell(kind, rest);
  }

  /** @param {Record<string, any>} row */
  #put(row) {
    const known = this.nodes.get(row.uuid);
    if (known && (row.name ?? known.name) === known.name) {
      if (this.#records.put(known, row)) this.#note(known, false);
      return;
    }
    if (known) this.#remove(known);
    if (!row.name) return;
    const node = this.#records.made(row);
    this.nodes.set(node.uuid, node);
    this.#note(node, true);
  }

  /** @param {Node} node */
  #remove(node) {
    this.nodes.delete(node.uuid);
    this.#note(node, true);
  }

  /** Forget everything, for example after a logout. */
  #clear() {
    for (const node of this.nodes.values()) this.#remove(node);
    this.#read = this.#wanted;
    this.phase = 'loading';
    this.#tell('phase');
  }

  /** Report soon that a node has changed. @param {Node} node @param {boolean} order */
  #note(node, order) {
    if (!this.#untold) {
      this.#untold = { nodes: new Set(), order: false };
      const isMore = this.phase === 'loading' && this.ordered.length > 0;
      setTimeout(() => this.#flush(), isMore ? MORE_EVERY : CHANGE_EVERY);
    }
    this.#untold.nodes.add(node);
    this.#untold.order ||= order;
  }

  #flush() {
    const detail = this.#untold;
    this.#untold = null;
    // Nearly all are in order already, which makes this fast.
    if (detail?.order) this.ordered = [...this.nodes.values()].sort(byKey);
    this.#tell('change', detail);
  }

  /** @param {string} name @param {object|null} [detail] */
  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
