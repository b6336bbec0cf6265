// The nodes of the fleet as they are now: listed once, and kept current by the stream of changes.
//
// The stream is open before the list is asked for. A node that the stream reported meanwhile is newer than
// its row in the list, which is left alone then; so nothing has to wait for the list to end.

import { Ages } from './ages.js';
import { ask, lines } from './api.js';
import { BASE, Records, entriesOf } from './loading.js';
import { merged } from './natural.js';
import { once, pause } from './stream.js';

/** @typedef {import('./loading.js').Node} Node */

/** Milliseconds from one 'change' to the next, at least; and while the others are still to come. */
const CHANGE_EVERY = 100;
const MORE_EVERY = 300;
/** Milliseconds after which a list is asked for again that failed. */
const AGAIN = 2000;
/** Columns besides the base. */
const MOST_COLUMNS = 40;
const TOO_MANY = `the page has been asked for more than ${MOST_COLUMNS} columns; load it anew`;

/**
 * Events: 'change' with {nodes: Set<Node>, order: boolean} at most once in a frame, gone nodes among them;
 * 'phase'; and from the stream 'operation' {operation}, 'event' {event}, 'conductor' {hostname, conductor}.
 */
export class Fleet extends EventTarget {
  /** @type {Map<string, Node>} by UUID */
  nodes = new Map();
  /** @type {Node[]} in natural order; it may be another list after a change of the order */
  ordered = [];
  phase = /** @type {'loading'|'whole'} */ ('loading');
  /** How many nodes are expected. */
  total = 0;
  /** Why they cannot be listed, in one line. */
  failure = '';
  /** @type {Map<string, Node>} */
  #names = new Map();
  #records = new Records();
  /** @type {string[]} */
  #columns = [];
  /** @type {{changed: Set<Node>, come: Node[], gone: Set<Node>}|null} what 'change' has not told yet */
  #untold = null;
  /** @type {Set<Set<string>>} the UUIDs that the stream reported, for each list that is being read */
  #reported = new Set();
  /** @type {Promise<unknown>} */
  #lists = Promise.resolve();
  #running = new AbortController();
  #stream;
  #status;
  #ages;

  /** @param {import('./stream.js').Stream} stream @param {import('./status.js').Status} status */
  constructor(stream, status) {
    super();
    this.#stream = stream;
    this.#status = status;
    this.#ages = new Ages(this, stream);
    stream.follow(this.#fields);
    stream.addEventListener('messages', (event) => {
      if (event instanceof CustomEvent) for (const message of event.detail) this.#take(message);
    });
    status.addEventListener('change', () => {
      if (status.last) this.total = status.last.nodes.total + status.last.nodes.enroll;
    });
  }

  /** @param {string} name */
  named(name) { return this.#names.get(name); }

  /** The server's time, in milliseconds. */
  now() { return this.#status.now(); }

  /** Forget everything, as when somebody logs out. */
  clear() {
    this.#running.abort();
    this.#running = new AbortController();
    for (const node of this.nodes.values()) this.#remove(node);
    this.#become('loading');
  }

  /**
   * Know more columns of every node, such as extra.zone, from now on.
   * @param {string[]} fields @returns {Promise<void>} when all nodes have them; ApiError where there is none
   */
  async need(fields) {
    const { signal } = this.#running;
    const more = fields.filter((field) => !this.#fields.includes(field));
    if (this.#columns.length + more.length > MOST_COLUMNS) throw new Error(TOO_MANY);
    if (more.length) {
      await ask('GET', 'podium/v1/nodes', { query: { fields: more.join(','), limit: 1 }, signal });
      this.#columns = [...new Set([...this.#columns, ...more])];
      this.#stream.follow(this.#fields);
      void this.#queue(async () => {
        if (this.phase !== 'whole') return;
        await this.#stream.whenOpen(signal);
        await this.#tried(['uuid', ...more], signal);
      });
    }
    await this.#lists;
    while (this.phase !== 'whole' && !signal.aborted) await once(this, 'phase', signal);
  }

  /** Keep the ages of these nodes current, which are those on the screen. @param {Node[]} nodes */
  watch(nodes) { this.#ages.watch(nodes); }

  /** Keep the ages of all nodes current. @returns {() => void} ends that */
  watchAll() { return this.#ages.watchAll(); }

  /**
   * Take rows of a list, but of the nodes that the stream reports meanwhile.
   * @param {AsyncIterable<Record<string, any>[]>} batches @param {string[]} fields
   * @returns {Promise<Set<string>>} the UUIDs of all that are listed or reported
   */
  async read(batches, fields) {
    const entries = entriesOf(fields);
    const seen = new Set();
    const reported = new Set();
    this.#reported.add(reported);
    try {
      for await (const rows of batches) {
        for (const row of rows) {
          seen.add(row.uuid);
          if (!reported.has(row.uuid)) this.#put(row, entries);
        }
      }
      for (const uuid of reported) seen.add(uuid);
      return seen;
    } finally {
      this.#reported.delete(reported);
    }
  }

  get #fields() { return [...BASE, ...this.#columns]; }

  /** Read lists one after another. @param {(signal: AbortSignal) => Promise<void>} read */
  #queue(read) {
    const { signal } = this.#running;
    this.#lists = this.#lists.then(() => (signal.aborted ? undefined : read(signal)));
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    this.#become('loading');
    const seen = await this.#tried(this.#fields, signal);
    if (signal.aborted) return;
    for (const [uuid, node] of this.nodes) if (!seen.has(uuid)) this.#remove(node);
    this.#become('whole');
  }

  /**
   * Read a list of all nodes, as often as it takes.
   * @param {string[]} fields @param {AbortSignal} signal @returns {Promise<Set<string>>}
   */
  async #tried(fields, signal) {
    while (!signal.aborted) {
      try {
        const batches = lines('podium/v1/nodes', { query: { fields: fields.join(',') }, signal });
        const seen = await this.read(batches, fields);
        this.failure = '';
        return seen;
      } catch (error) {
        if (signal.aborted) break;
        this.failure = error instanceof Error ? error.message : String(error);
        this.#become(this.phase);
        await pause(AGAIN, signal);
      }
    }
    return new Set();
  }

  /** @param {import('./stream.js').Message} message */
  #take({ kind, ...rest }) {
    if (kind === 'started' || kind === 'reset') this.#queue((signal) => this.#load(signal));
    else if (kind === 'nodes') this.#change(rest.node, rest.gone);
    else if (kind === 'operations') this.#tell('operation', { operation: rest.operation });
    else if (kind === 'events') this.#tell('event', { event: rest.event });
    else if (kind === 'conductors') {
      this.#ages.expectOthers();
      this.#tell('conductor', { hostname: rest.hostname, conductor: rest.conductor });
    }
  }

  /** @param {Record<string, any>} row @param {boolean} isGone */
  #change(row, isGone) {
    for (const reported of this.#reported) reported.add(row.uuid);
    const known = this.nodes.get(row.uuid);
    if (!isGone) this.#put(row, entriesOf(this.#fields));
    else if (known) this.#remove(known);
  }

  /** @param {Record<string, any>} row @param {import('./loading.js').Entry[]} entries */
  #put(row, entries) {
    const known = this.nodes.get(row.uuid);
    if (known && (row.name ?? known.name) === known.name) {
      if (this.#records.put(known, row, entries)) this.#note().changed.add(known);
      return;
    }
    if (known) this.#remove(known);
    if (!row.name) return;
    const node = this.#records.made(row, entries);
    this.nodes.set(node.uuid, node);
    this.#names.set(node.name, node);
    this.#note().changed.add(node);
    this.#note().come.push(node);
  }

  /** @param {Node} node */
  #remove(node) {
    this.nodes.delete(node.uuid);
    if (this.#names.get(node.name) === node) this.#names.delete(node.name);
    this.#note().changed.add(node);
    this.#note().gone.add(node);
  }

  #note() {
    if (!this.#untold) {
      this.#untold = { changed: new Set(), come: [], gone: new Set() };
      const isMore = this.phase === 'loading' && this.ordered.length > 0;
      setTimeout(() => nextFrame(() => this.#flush()), isMore ? MORE_EVERY : CHANGE_EVERY);
    }
    return this.#untold;
  }

  #flush() {
    const { changed: nodes, come, gone } = this.#note();
    this.#untold = null;
    if (gone.size) this.ordered = this.ordered.filter((node) => !gone.has(node));
    this.ordered = merged(this.ordered, come.filter((node) => !gone.has(node)));
    this.#tell('change', { nodes, order: come.length + gone.size > 0 });
  }

  /** @param {'loading'|'whole'} phase */
  #become(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event('phase'));
  }

  /** @param {string} name @param {object} detail */
  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

/** @param {() => void} work done before the browser paints, or soon where it does not */
function nextFrame(work) {
  if (document.hidden || !globalThis.requestAnimationFrame) setTimeout(work);
  else requestAnimationFrame(work);
}
