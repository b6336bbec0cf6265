// Requests to podium-api, each with a time limit, and their errors in the API's own words.

/** @typedef {string|number|boolean|null|undefined|readonly (string|number)[]} Value */
/** @typedef {Record<string, Value>} Query */

/** Milliseconds of work after which the browser gets room for other things. */
const ROOM = 12;
/** Milliseconds within which a list that is being sent has to go on. */
const SILENCE = 20_000;
/** What people do with a page that they look at. */
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];

let lastInput = Date.now();
/** @type {Set<() => void>} */
const refused = new Set();

/** A request that failed. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status of HTTP; 0 where there was no answer, or too late
   * @param {Record<string, any>} [error] as the API has it: code, faults, nodes, limit
   */
  constructor(message, status, error = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    /** @type {string} */
    this.code = error['code'] ?? '';
    /** @type {string[]} */
    this.faults = error['faults'] ?? [];
    /** Of a question that has to be confirmed: how many nodes, and above how many. */
    this.nodes = /** @type {number|undefined} */ (error['nodes']);
    this.limit = /** @type {number|undefined} */ (error['limit']);
  }
}

/**
 * Notice when somebody does something, which is what keeps a session.
 * @param {EventTarget} target
 * @param {AbortSignal} [signal] ends it
 */
export function watchInput(target, signal) {
  const note = () => { lastInput = Date.now(); };
  const options = { passive: true, capture: true, ...(signal && { signal }) };
  for (const name of INPUTS) target.addEventListener(name, note, options);
}

/**
 * Call a listener when the API no longer knows who asks.
 * @param {() => void} listener
 * @returns {() => void} ends that
 */
export function onRefused(listener) {
  refused.add(listener);
  return () => refused.delete(listener);
}

/**
 * The address of a path, below the address of the page.
 * @param {string} path
 * @param {Query} [query] lists repeat; what is null is left out
 */
export function address(path, query = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) url.searchParams.append(name, String(one));
    }
  }
  return url;
}

/**
 * Make a request, and return what it answers.
 * @param {string} method
 * @param {string} path such as podium/v1/status
 * @param {{query?: Query, body?: unknown, seconds?: number, signal?: AbortSignal|undefined, key?: string,
 *          warn?: (texts: string[]) => void}} [options]
 *     key: of a request that is done once however often it is sent; warn: gets what the API warns of
 * @returns {Promise<any>} null where there is no content
 * @throws {ApiError} and what aborted the signal
 */
export async function ask(method, path, { query, body, seconds = 20, signal, key, warn } = {}) {
  const limit = new Limit(seconds * 1000, signal);
  try {
    const response = await send(method, address(path, query), limit, {
      body,
      headers: key === undefined ? {} : { 'Idempotency-Key': key },
    });
    const warnings = response.headers.get('Podium-Warnings');
    if (warn && warnings) warn(JSON.parse(warnings));
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    throw limit.explain(error);
  } finally {
    limit.end();
  }
}

/**
 * Read a list as a whole, in batches as they come, with room for the browser in between.
 * @param {string} path
 * @param {{query?: Query, body?: unknown, signal?: AbortSignal|undefined}} [options] with a body it is a POST
 * @returns {AsyncGenerator<any[], void, void>}
 * @throws {ApiError} also where the list broke off
 */
export async function* lines(path, { query, body, signal } = {}) {
  let rest = '';
  const options = { query, body, signal, accept: 'application/x-ndjson', silence: SILENCE };
  for await (const text of texts(path, options)) {
    const whole = rest + text;
    const end = whole.lastIndexOf('\n');
    rest = whole.slice(end + 1);
    if (end > 0) yield JSON.parse(`[${whole.slice(0, end).replaceAll('\n', ',')}]`);
  }
}

/**
 * Read an answer as text while it comes.
 * @param {string} path
 * @param {{query?: Query|undefined, body?: unknown, signal?: AbortSignal|undefined, accept: string,
 *          silence: number, opened?: () => void}} options
 *     silence: milliseconds within which more has to come; opened: called when the answer begins
 * @returns {AsyncGenerator<string, void, void>}
 * @throws {ApiError}
 */
export async function* texts(path, { query, body, signal, accept, silence, opened }) {
  const limit = new Limit(silence, signal);
  const room = new Room();
  try {
    const method = body === undefined ? 'GET' : 'POST';
    const response = await send(method, address(path, query), limit, { body, headers: { Accept: accept } });
    opened?.();
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      limit.renew();
      if (done) return;
      yield decoder.decode(value, { stream: true });
      await room.made();
    }
  } catch (error) {
    throw limit.explain(error);
  } finally {
    limit.end();
  }
}

/**
 * @param {string} method
 * @param {URL} url
 * @param {Limit} limit
 * @param {{body?: unknown, headers?: Record<string, string>}} options
 */
async function send(method, url, limit, { body, headers = {} }) {
  const response = await fetch(url, {
    method,
    headers: {
      Accept: 'application/json',
      'Podium-Idle': String(Math.max(0, Math.round((Date.now() - lastInput) / 1000))),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: limit.signal,
    cache: 'no-store',
    credentials: 'same-origin',
    redirect: 'error',
  });
  if (response.ok) return response;
  if (response.status === 401) for (const listener of refused) listener();
  throw await failure(response);
}

/** @param {Response} response */
async function failure(response) {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text);
    return new ApiError(String(error.message), response.status, error);
  } catch {
    return new ApiError(`podium-api answers with the status ${response.status}`, response.status);
  }
}

/** A time limit, and somebody's signal, as one signal. */
class Limit {
  #controller = new AbortController();
  #isLate = false;
  #timer = 0;
  #abort = () => this.#controller.abort(this.#given?.reason);

  /** @param {number} milliseconds @param {AbortSignal} [given] */
  constructor(milliseconds, given) {
    this.#milliseconds = milliseconds;
    this.#given = given;
    this.renew();
    if (given?.aborted) this.#abort();
    given?.addEventListener('abort', this.#abort);
  }

  #milliseconds;
  #given;

  get signal() {
    return this.#controller.signal;
  }

  /** Begin the time anew. */
  renew() {
    clearTimeout(this.#timer);
    this.#timer = Number(setTimeout(() => {
      this.#isLate = true;
      this.#controller.abort();
    }, this.#milliseconds));
  }

  /** @param {unknown} error @returns {unknown} the same, or what it means */
  explain(error) {
    const seconds = this.#milliseconds / 1000;
    if (this.#isLate) return new ApiError(`podium-api has not answered for ${seconds} s`, 0);
    if (this.#given?.aborted || error instanceof ApiError) return error;
    return new ApiError('podium-api does not answer, or its answer broke off', 0);
  }

  /** Whoever asked is done; what still comes is no longer wanted. */
  end() {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }
}

/** Makes room for what else the browser has to do. */
class Room {
  #since = performance.now();

  /** Wait, if it was kept busy for long. */
  async made() {
    if (performance.now() - this.#since < ROOM) return;
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve(undefined);
      };
      port2.postMessage(0);
    });
    this.#since = performance.now();
  }
}
