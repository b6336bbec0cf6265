/** A podium-api that says what a test wants, over real HTTP, and the document of a page that asks it. */
import { createServer } from "node:http";

/** @typedef {import("node:http").Asked} Asked @typedef {import("node:http").Answer} Answer */

/** What the page's modules need of a document. */
class Tab extends EventTarget {
  hidden = false;
  baseURI = "";

  /** @param {boolean} hidden */
  turn(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

export const tab = new Tab();

/** As a browser's, but it does not keep the tests from ending. */
class Channel extends BroadcastChannel {
  /** @param {string} name */
  constructor(name) {
    super(name);
    /** @type {any} */ (this).unref();
  }
}

/** How many times quicker time passes for the page; what is asked and answered takes as long as ever. */
const HASTE = 20;
/** Milliseconds from which on an answer is waited for: a busy machine gets so many times as many. */
const PATIENT = 5000;
const MORE = 10;
/** @param {number} wait */
const hasty = (wait) => (wait < PATIENT ? wait / HASTE : wait * MORE);
const later = globalThis.setTimeout;
const again = globalThis.setInterval;
const now = Date.now;
const begun = now();
Date.now = () => begun + (now() - begun) * HASTE;
Object.assign(globalThis, {
  document: tab,
  BroadcastChannel: Channel,
  /** @param {(...values: any[]) => void} work @param {number} wait @param {any[]} values */
  setTimeout: (work, wait = 0, ...values) => later(work, hasty(wait), ...values),
  /** @param {(...values: any[]) => void} work @param {number} wait @param {any[]} values */
  setInterval: (work, wait = 0, ...values) => again(work, hasty(wait), ...values),
});

/** Answers by `paths`, and with the nodes that it has; streams go on until end(). */
export class Api {
  /** @type {Record<string, (request: Asked, response: Answer, body: any) => void>} by path */
  paths = {};
  /** @type {Record<string, any>[]} in natural order */
  nodes = [];
  /** @type {{method: string, path: string, query: URLSearchParams, headers: any, body: any}[]} */
  asked = [];
  /** @type {Set<Answer>} the streams that are open */
  streams = new Set();
  /** What the status says. */
  status = { at: new Date().toISOString(), attention: [], nodes: { total: 0, enroll: 0 } };
  cursor = 0;
  #port = 0;
  #server = this.#made();

  /** Listen, and have the page be of this server. @param {number} port */
  async start(port = 0) {
    await new Promise((resolve) => { this.#server.listen(port, "127.0.0.1", () => resolve(null)); });
    this.#port = this.#server.address().port;
    tab.baseURI = `http://127.0.0.1:${this.#port}/`;
    return this;
  }

  #made() {
    return createServer((request, response) => void this.#answer(request, response));
  }

  /** Have requests to a path fail. @param {string} path @param {number} status @param {string} message */
  refuse(path, status, message) {
    this.paths[path] = (_request, response) => refuse(response, status, "Code", message);
  }

  /** Have all answers be as they were at first. */
  heal() {
    this.paths = {};
  }

  /** Start again after a kill, at the same port. */
  again() {
    this.#server = this.#made();
    return this.start(this.#port);
  }

  /** As a kill does. */
  kill() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Send messages to every stream. @param {any[]} messages of which each gets a cursor */
  send(...messages) {
    for (const stream of this.streams) stream.write(messages.map((one) => this.#event(one)).join(""));
  }

  /** @param {string} path @returns {number} how often it was asked for */
  count(path) {
    return this.asked.filter((one) => one.path === path).length;
  }

  /** @param {any} message */
  #event(message) {
    const cursor = String(++this.cursor);
    return `event: ${message.kind}\nid: ${cursor}\ndata: ${JSON.stringify({ ...message, cursor })}\n\n`;
  }

  /** @param {Asked} request @param {Answer} response */
  async #answer(request, response) {
    const url = new URL(request.url, "http://podium");
    let text = "";
    for await (const part of request) text += new TextDecoder().decode(part);
    const body = text && JSON.parse(text);
    const { pathname: path, searchParams: query } = url;
    this.asked.push({ method: request.method, path, query, headers: request.headers, body });
    const answer = this.paths[path];
    if (answer) return answer(request, response, body);
    if (path === "/podium/v1/status") return response.end(JSON.stringify(this.status));
    if (path === "/podium/v1/changes") return this.#stream(query, response);
    if (!path.startsWith("/podium/v1/nodes")) return refuse(response, 404, "NoSuchPath", `no ${path}`);
    const fields = body ? body.fields : (query.get("fields") ?? "").split(",");
    const listed = this.nodes.filter((node) => !body || body.where.includes(node.uuid));
    const items = listed.map((one) => only(one, fields));
    if (request.headers.accept === "application/json") return response.end(JSON.stringify({ items }));
    return response.end(items.map((one) => `${JSON.stringify(one)}\n`).join(""));
  }

  /** @param {URLSearchParams} query @param {Answer} response */
  #stream(query, response) {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("retry: 2000\n\n");
    this.streams.add(response);
    if (!query.has("after")) response.write(this.#event({ kind: "started" }));
  }
}

/**
 * Answer that something failed.
 * @param {Answer} response @param {number} status @param {string} code @param {string} message
 * @param {object} more
 */
export function refuse(response, status, code, message, more = {}) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ error: { code, message, ...more } }));
}

/** @param {Record<string, any>} node @param {string[]} fields */
function only(node, fields) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const field of fields) {
    const [mapping, key] = field.split(".");
    const value = Object.hasOwn(node[mapping] ?? {}, key) ? node[mapping][key] : undefined;
    if (key === undefined) found[field] = node[field] ?? null;
    else found[mapping] = value === undefined ? { ...found[mapping] } : { ...found[mapping], [key]: value };
  }
  return found;
}

/** @param {string} name @param {object} more @returns {Record<string, any>} a node as the API has it */
export function node(name, more = {}) {
  return {
    uuid: `uuid of ${name}`, name, driver: "fake", power_state: "power on", power_failures: 0,
    maintenance: false, health: { status: "OK", reasons: [] }, power_checked_at: "2026-12-01T09:00:00Z",
    extra: {}, ...more,
  };
}

/** Wait for something. @param {string} what @param {() => unknown} is */
export async function until(what, is) {
  for (const end = now() + 30_000; !is();) {
    if (now() > end) throw new Error(`${what} does not come`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}
