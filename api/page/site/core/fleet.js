// The nodes of the fleet as they are now: listed once, and kept current by the stream of changes.
//
// The stream is open before the list is asked for. A node that the stream reported meanwhile is newer than
// its row in the list, which is left alone then; so nothing has to wait for the list to end.

import { ApiError, lines } from './api.js';
import { Ages } from './ages.js';
import { BASE, Records, entriesOf } from './loading.js';
import { merged } from './natural.js';
import { pause } from './stream.js';

/** @typedef {import('./stream.js').Stream} Stream */
/** @typedef {import('./stream.js').Message} Message */
/**
 * A node; times are milliseconds of the server's clock, columns that were asked for have their own names.
 * @typedef {{uuid: string, name: string, rack: string, power_state: string|null,
 *            target_power_state: string|null, wanted_power_state: string|null, power_checked_at: number|null,
 *            power_failures: number, health: {status: string, reasons: string[]}|null,
 *            health_checked_at: number|null, last_error: string|null, maintenance: boolean,
 *            fault: string|null, driver: string, conductor: string|null, conductor_group: string,
 *            provision_state: string, owner: string|null, power_requested_by: string|null,
 *            [column: string]: any}} Node
 */

/** Milliseconds from one 'change' to the next, at least. */
const CHANGE_EVERY = 100;
/** Milliseconds after which a list is asked for again that failed. */
const AGAIN = [1000, 2000, 5000, 10_000];

/**
 * Events: 'change' with {nodes: Set<Node>, order: boolean}, at most one in a frame; 'phase'; and from the
 * stream 'operation' {operation}, 'event' {event}, 'conductor' {hostname, conductor}.
 */
export class Fleet extends EventTarget {
  /** @type {Map<string, Node>} */
  nodes = new Map();
  /** @type {Node[]} in natural order; it may be another list after a change of the order */
  ordered = [];
  /** @type {'loading'|'whole'} */
  phase = 'loading';
  /** How many nodes are expected. */
  total = 0;
  /** Why they cannot be listed, in one line. */
  failure = '';
  /** @type {Map<string, Node>} */
  #names = new Map();
  #records = new Records();
  #fields = [...BASE];
  /** @type {Set<Node>} */
  #changed = new Set();
  /** @type {Node[]} */
  #come = [];
  /** @type {Set<Node>} */
  #gone = new Set();
  #isDue = false;
  /** @type {Set<string>[]} the UUIDs that the stream reported, for each list that is being read */
  #reported = [];
  #lists = Promise.resolve();
  #running = new AbortController();
  #stream;
  #status;
  #ages;

  /**
   * @param {Stream} stream
   * @param {import('./status.js').Status} status
   */
  constructor(stream, status) {
    super();
    this.#stream = stream;
    this.#status = status;
    this.#ages = new Ages(this, stream);
    stream.follow(this.#fields);
    stream.addEventListener('messages', (event) => {
      for (const message of /** @type {CustomEvent<Message[]>} */ (event).detail) this.#take(message);
    });
    status.addEventListener('change', () => { this.total = status.last?.nodes['total'] ?? this.total; });
  }

  /** @param {string} name */
  named(name) {
    return this.#names.get(name);
  }

  /** The server's time, in milliseconds. */
  now() {
    return this.#status.now();
  }

  /** Forget everything, as when somebody logs out. */
  clear() {
    this.#running.abort();
    this.#running = new AbortController();
    for (const node of this.nodes.values()) this.#remove(node);
    this.#become('loading');
  }

  /**
   * Know more columns of every node, such as extra.zone, from now on.
   * @param {string[]} fields
   * @returns {Promise<void>} when all have them
   * @throws {ApiError} there is no such column
   */
  need(fields) {
    const more = fields.filter((field) => !this.#fields.includes(field));
    if (!more.length) return this.#lists;
    this.#fields = [...BASE, ...[...this.#fields.slice(BASE.length), ...more].sort()];
    this.#stream.follow(this.#fields);
    return this.#queue(async (signal) => {
      if (this.phase !== 'whole') return;
      while (!this.#stream.isOpen && !signal.aborted) await pause(50, signal);
      try {
        await this.#list(['uuid', ...more], signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 400) this.#forget(more);
        throw error;
      }
    });
  }

  /**
   * Keep the ages of these nodes current, which are those on the screen.
   * @param {Node[]} nodes
   */
  watch(nodes) {
    this.#ages.watch(nodes);
  }

  /**
   * Keep the ages of all nodes current.
   * @returns {() => void} ends that
   */
  watchAll() {
    return this.#ages.watchAll();
  }

  /**
   * Put what a row of a list says into its node, which may be new.
   * @param {Record<string, any>} row
   * @param {string[][]} entries that the row has of mappings
   */
  update(row, entries) {
    const known = this.nodes.get(row['uuid']);
    if (known) {
      if (row['name'] && known.name !== row['name']) this.#remove(known);
      else if (this.#records.put(known, row, entries)) this.#note(known);
    }
    if (!this.nodes.has(row['uuid']) && row['name']) this.#add(row, entries);
  }

  /** @param {string[]} fields */
  #forget(fields) {
    this.#fields = this.#fields.filter((field) => !fields.includes(field));
    this.#stream.follow(this.#fields);
  }

  /**
   * Read lists one after another.
   * @param {(signal: AbortSignal) => Promise<void>} read
   */
  #queue(read) {
    const { signal } = this.#running;
    const done = this.#lists.then(() => (signal.aborted ? undefined : read(signal)));
    this.#lists = done.catch(() => undefined);
    return done;
  }

  #load() {
    void this.#queue(async (signal) => {
      this.#become('loading');
      for (let failures = 0; !signal.aborted; failures++) {
        try {
          const seen = await this.#list(this.#fields, signal);
          for (const [uuid, node] of this.nodes) if (!seen.has(uuid)) this.#remove(node);
          this.failure = '';
          return this.#become('whole');
        } catch (error) {
          if (signal.aborted) return;
          this.failure = error instanceof Error ? error.message : String(error);
          this.dispatchEvent(new Event('phase'));
          await pause(AGAIN[Math.min(failures, AGAIN.length - 1)] ?? 0, signal);
        }
      }
    });
  }

  /**
   * @param {string[]} fields
   * @param {AbortSignal} signal
   * @returns {Promise<Set<string>>} the UUIDs of all nodes
   */
  async #list(fields, signal) {
    const entries = entriesOf(fields);
    const seen = new Set();
    const reported = new Set();
    this.#reported.push(reported);
    try {
      for await (const rows of lines('podium/v1/nodes', { query: { fields: fields.join(',') }, signal })) {
        for (const row of rows) {
          seen.add(row.uuid);
          if (!reported.has(row.uuid)) this.update(row, entries);
        }
      }
      for (const uuid of reported) seen.add(uuid);
      return seen;
    } finally {
      this.#reported.splice(this.#reported.indexOf(reported), 1);
    }
  }

  /** @param {Message} message */
  #take(message) {
    switch (message.kind) {
      case 'started':
      case 'reset':
        return this.#load();
      case 'nodes':
        return this.#change(message['node'], message['gone']);
      case 'operations':
        return this.#tell('operation', { operation: message['operation'] });
      case 'events':
        return this.#tell('event', { event: message['event'] });
      case 'conductors':
        this.#ages.expectOthers();
        return this.#tell('conductor', { hostname: message['hostname'], conductor: message['conductor'] });
    }
  }

  /** @param {Record<string, any>} row @param {boolean} isGone */
  #change(row, isGone) {
    for (const reported of this.#reported) reported.add(row['uuid']);
    const known = this.nodes.get(row['uuid']);
    if (!isGone) this.update(row, entriesOf(this.#fields));
    else if (known) this.#remove(known);
  }

  /** @param {Record<string, any>} row @param {string[][]} entries */
  #add(row, entries) {
    const node = /** @type {Node} */ ({});
    this.#records.put(node, row, entries);
    this.nodes.set(node.uuid, node);
    this.#names.set(node.name, node);
    this.#come.push(node);
    this.#note(node);
  }

  /** @param {Node} node */
  #remove(node) {
    this.nodes.delete(node.uuid);
    if (this.#names.get(node.name) === node) this.#names.delete(node.name);
    this.#gone.add(node);
    this.#note(node);
  }

  /** @param {Node} node */
  #note(node) {
    this.#changed.add(node);
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => nextFrame(() => this.#flush()), CHANGE_EVERY);
  }

  #flush() {
    const nodes = this.#changed;
    const order = this.#come.length > 0 || this.#gone.size > 0;
    const gone = this.#gone;
    if (gone.size) this.ordered = this.ordered.filter((node) => !gone.has(node));
    this.ordered = merged(this.ordered, this.#come.filter((node) => !gone.has(node)));
    this.#changed = new Set();
    this.#come = [];
    this.#gone = new Set();
    this.#isDue = false;
    this.#tell('change', { nodes, order });
  }

  /** @param {'loading'|'whole'} phase */
  #become(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event('phase'));
  }

  /** @param {string} name @param {object} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {() => void} work */
function nextFrame(work) {
  if (typeof requestAnimationFrame === 'function' && !document.hidden) requestAnimationFrame(work);
  else setTimeout(work);
}
