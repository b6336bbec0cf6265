// Requests to podium-api, each with a time limit, and their errors in the API's own words.

/** @typedef {Record<string, string|number|boolean|null|undefined|readonly (string|number)[]>} Query */
/**
 * @typedef {object} Options of a request
 * @property {Query} [query] lists repeat; what is null is left out
 * @property {unknown} [body] sent as JSON
 * @property {AbortSignal|undefined} [signal] ends it
 * @property {number} [seconds] within which it has to be answered, or a list to go on
 * @property {string} [key] of what is done once however often it is sent
 * @property {string} [accept] the type of the answer
 * @property {() => void} [opened] called when the answer begins
 * @property {(texts: string[]) => void} [warn] gets what the API warns of
 */

/** Milliseconds of work after which the browser gets room for other things. */
const ROOM = 12;
/** What people do with a page that they look at. */
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];
let lastInput = Date.now();
let lastHeard = -Infinity;
/** @type {Set<() => void>} */
const refused = new Set();

/** A request that failed. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status of HTTP; 0 where there was no answer, or too late
   * @param {{code?: string, faults?: string[], nodes?: number, limit?: number}} [error] as the API has it;
   *     nodes and limit are of what has to be confirmed
   */
  constructor(message, status, { code = '', faults = [], nodes, limit } = {}) {
    super(message);
    Object.assign(this, { name: 'ApiError' });
    this.status = status;
    this.code = code;
    this.faults = faults;
    this.nodes = nodes;
    this.limit = limit;
  }
}

/** Notice what somebody does, which keeps a session. @param {EventTarget} target */
export function watchInput(target) {
  const note = () => { lastInput = Date.now(); };
  for (const name of INPUTS) target.addEventListener(name, note, { passive: true, capture: true });
}

/** Seconds since anything came from the API. */
export function silence() {
  return (performance.now() - lastHeard) / 1000;
}

/** Call a listener when the API no longer knows who asks. @param {() => void} listener */
export function onRefused(listener) {
  refused.add(listener);
  return () => refused.delete(listener);
}

/**
 * Make a request, and return what it answers: JSON, or null where there is nothing.
 * @param {string} method @param {string} path such as podium/v1/status @param {Options} [options]
 * @returns {Promise<any>}
 * @throws {ApiError} or what ended the signal
 */
export async function ask(method, path, options = {}) {
  const limit = new Limit(options);
  try {
    const response = await send(method, path, options, limit.signal);
    const warnings = response.headers.get('Podium-Warnings');
    if (warnings) options.warn?.(JSON.parse(warnings));
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    throw limit.meaning(error);
  } finally {
    limit.end();
  }
}

/**
 * Read a list as a whole, in batches as they come. With a body it is a POST.
 * @param {string} path @param {Options} [options]
 * @returns {AsyncGenerator<any[], void, void>}
 * @throws {ApiError} also where the list breaks off
 */
export async function* lines(path, options) {
  let rest = '';
  for await (const text of texts(path, { ...options, accept: 'application/x-ndjson' })) {
    const whole = rest + text;
    const end = whole.lastIndexOf('\n');
    rest = whole.slice(end + 1);
    if (end > 0) yield JSON.parse(`[${whole.slice(0, end).replaceAll('\n', ',')}]`);
  }
}

/**
 * Read an answer while it comes, with room for the browser in between.
 * @param {string} path @param {Options} options
 * @returns {AsyncGenerator<string, void, void>}
 * @throws {ApiError}
 */
export async function* texts(path, options) {
  const limit = new Limit(options);
  const decoder = new TextDecoder();
  let since = performance.now();
  try {
    const response = await send(options.body === undefined ? 'GET' : 'POST', path, options, limit.signal);
    options.opened?.();
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      limit.renew();
      lastHeard = performance.now();
      if (done) return;
      yield decoder.decode(value, { stream: true });
      if (performance.now() - since < ROOM) continue;
      await nextTask();
      since = performance.now();
    }
  } catch (error) {
    throw limit.meaning(error);
  } finally {
    limit.end();
  }
}

/** @param {string} method @param {string} path @param {Options} options @param {AbortSignal} signal */
async function send(method, path, { query = {}, body, key, accept = 'application/json' }, signal) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) url.searchParams.append(name, `${one}`);
  }
  const headers = new Headers({ Accept: accept });
  headers.set('Podium-Idle', `${Math.max(0, Math.round((Date.now() - lastInput) / 1000))}`);
  if (key !== undefined) headers.set('Idempotency-Key', key);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const response = await fetch(url, {
    method, headers, signal, body: JSON.stringify(body), cache: 'no-store', redirect: 'error',
  });
  lastHeard = performance.now();
  if (response.ok) return response;
  if (response.status === 401) for (const listener of refused) listener();
  const { error } = await response.json().catch(() => ({}));
  const words = error?.message ?? `podium-api answers with the status ${response.status}`;
  throw new ApiError(words, response.status, error ?? {});
}

/** A time limit and somebody's signal, as one signal. */
class Limit {
  #controller = new AbortController();
  #isLate = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #abort = () => this.#controller.abort(this.#given?.reason);
  #seconds;
  #given;

  /** @param {Options} options */
  constructor({ seconds = 20, signal }) {
    this.#seconds = seconds;
    this.#given = signal;
    this.renew();
    if (signal?.aborted) this.#abort();
    signal?.addEventListener('abort', this.#abort);
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Begin the time anew. */
  renew() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isLate = true;
      this.#controller.abort();
    }, this.#seconds * 1000);
  }

  /** @param {unknown} error @returns {unknown} what it means to people */
  meaning(error) {
    if (this.#isLate) return new ApiError(`podium-api has not answered for ${this.#seconds} s`, 0);
    if (this.#given?.aborted || error instanceof ApiError) return error;
    return new ApiError('podium-api does not answer, or its answer broke off', 0);
  }

  /** End the request too, if it has not ended. */
  end() {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }
}

/** Wait until the browser has done what else it has to do. */
function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(port1.close());
    port2.postMessage(0);
  });
}
