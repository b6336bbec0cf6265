// Requests to podium-api, all with time limits, and their errors in the API's own words.

import { nextTask } from './waiting.js';

/**
 * Options of a request: lists in the query become repeated parameters; an answer must begin and continue
 * within `seconds`; a request with a key is done once however often it is sent; `warn` gets the warnings.
 * @typedef {{query?: Record<string, unknown>, body?: unknown, signal?: AbortSignal, seconds?: number,
 *   key?: string, accept?: string, warn?: (texts: string[]) => void}} Options
 */

/** Milliseconds of work after which the browser gets time for other tasks. */
const ROOM = 12;
/** The input events of people at the page. */
const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];
/** By both clocks: the time of day may be set, and the other clock stops while the machine sleeps. */
let lastInput = { date: Date.now(), time: performance.now() };
let lastHeard = -Infinity;
/** @type {string | null} */
let caller = null;
/** The event 'refused' comes when the person lacks the right, or another one has logged in. */
export const refusals = new EventTarget();

/** A failed request; the status is that of HTTP, or 0 if no answer came in time. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {number} [nodes] that have to be confirmed */
  constructor(message, status, nodes) {
    super(message);
    this.status = status;
    this.nodes = nodes;
  }
}

/** The text of an error, without advice for terminals only. @param {unknown} error @returns {string} */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error))
  .replace(/[;,] (?:see: podium|or use --).*$/, '');

/** Watch for input, which keeps a session alive. @param {EventTarget} target */
export function watchInput(target) {
  const note = () => { lastInput = { date: Date.now(), time: performance.now() }; };
  for (const name of INPUTS) target.addEventListener(name, note, { passive: true, capture: true });
}

/** Seconds since the last input. */
export function idle() {
  return Math.max(0, Date.now() - lastInput.date, performance.now() - lastInput.time) / 1000;
}

/** Send requests as this person; the API refuses them for another user. @param {string | null} name */
export function askAs(name) { caller = name; }

/** Seconds since anything came from the API. */
export function silence() { return (performance.now() - lastHeard) / 1000; }

/**
 * Make a request, and return its answer: JSON, or null if it is empty. All requests raise ApiError.
 * @param {string} method @param {string} path such as podium/v1/status @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function ask(method, path, options) {
  let whole = '';
  for await (const text of texts(method, path, options)) whole += text;
  return whole ? parsed(whole) : null;
}

/**
 * Read a whole list, in batches as they arrive.
 * @param {string} path @param {Options} [options] @returns {AsyncGenerator<any[], void, void>}
 */
export async function* lines(path, options = {}) {
  let rest = '';
  for await (const text of texts('GET', path, { ...options, accept: 'application/x-ndjson' })) {
    const whole = rest + text;
    const end = whole.lastIndexOf('\n');
    rest = whole.slice(end + 1);
    if (end > 0) yield parsed(`[${whole.slice(0, end).replaceAll('\n', ',')}]`);
  }
}

/**
 * Read an answer while it arrives, with time for the browser in between.
 * @param {string} method @param {string} path @param {Options} [options]
 * @returns {AsyncGenerator<string, void, void>}
 */
export async function* texts(method, path, { signal, seconds = 20, ...options } = {}) {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), seconds * 1000);
  const decoder = new TextDecoder();
  let since = performance.now();
  try {
    const either = AbortSignal.any([silent.signal, signal ?? silent.signal]);
    const reader = (await send(method, path, options, either)).body?.getReader();
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {};
      lastHeard = performance.now();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), seconds * 1000);
      yield decoder.decode(value, { stream: true });
      if (performance.now() - since < ROOM) continue;
      await nextTask();
      since = performance.now();
    }
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError) throw error;
    if (silent.signal.aborted) throw new ApiError(`podium-api has not answered for ${seconds} s`, 0);
    throw new ApiError('podium-api does not answer, or its answer broke off', 0);
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

/** @param {string} method @param {string} path @param {Options} options @param {AbortSignal} signal */
async function send(method, path, options, signal) {
  const { query = {}, body, key, accept = 'application/json', warn } = options;
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) url.searchParams.append(name, `${one}`);
  }
  const headers = new Headers({ Accept: accept, 'Podium-Idle': `${Math.round(idle())}` });
  if (caller !== null) headers.set('Podium-User', encodeURIComponent(caller));
  if (key) headers.set('Idempotency-Key', key);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const response = await fetch(url, {
    method, headers, signal, body: JSON.stringify(body), cache: 'no-store', redirect: 'error',
  });
  lastHeard = performance.now();
  if (response.ok) {
    const warnings = response.headers.get('Podium-Warnings');
    if (warnings) warn?.(parsed(warnings));
    return response;
  }
  if ([401, 403, 409].includes(response.status)) refusals.dispatchEvent(new Event('refused'));
  const { error } = await response.json().catch(() => ({}));
  const words = error?.message ?? `podium-api answers with the status ${response.status}`;
  throw new ApiError(words, response.status, error?.nodes);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('what answers is not podium-api', 0);
  }
}
