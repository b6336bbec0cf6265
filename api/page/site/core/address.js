/**
 * The address of the page says what is shown, so that it can be sent to a colleague: `#/fleet?colour=health`.
 *
 * @typedef {{view: string, name: string, query: Record<string, string>}} Place name: of a node, or ""
 * @typedef {Record<string, string | number | null | undefined>} Query null, undefined and "" take a key away
 */

/** More than any view can use; what is as long is too long there. */
const LONGEST = 2001;

/** @param {string} hash an empty one means the fleet @returns {Place} */
export function parse(hash) {
  const [, path = "", search = ""] = /^#?\/?([^?]*)\??(.*)$/s.exec(hash) ?? [];
  const [, view = "", name = ""] = /^([^/]*)\/?(.*)$/s.exec(path) ?? [];
  const given = [...new URLSearchParams(search)];
  const query = Object.fromEntries(given.map(([key, value]) => [key, value.slice(0, LONGEST)]));
  return { view: decode(view) || "fleet", name: decode(name), query };
}

/** @param {string} view @param {string | number} [name] @param {Query} [query] @returns {string} for links */
export function link(view, name = "", query = {}) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(key, String(value));
  }
  const path = [view, name].filter((part) => part !== "").map(encodeURIComponent).join("/");
  return `#/${path}${search.size ? `?${search}` : ""}`;
}

/** @param {string} text @returns {string} as it stands where it is not encoded as it should be */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where the person is. The event "change" comes when that changes: by a link, by Back, or by a call here. */
export class Address extends EventTarget {
  constructor() {
    super();
    addEventListener("hashchange", () => this.dispatchEvent(new Event("change")));
  }

  read() {
    return parse(location.hash);
  }

  /** Change what this view is asked for. @param {Query} changes @param {{replace?: boolean}} [how] */
  write(changes, { replace = false } = {}) {
    const { view, name, query } = this.read();
    this.#move(link(view, name, { ...query, ...changes }), replace);
  }

  /** Go to another view. @param {string} view @param {string | number} [name] @param {Query} [query] */
  go(view, name = "", query = {}) {
    this.#move(link(view, name, query), false);
  }

  /** @param {string} to @param {boolean} replace */
  #move(to, replace) {
    if (to === location.hash) return;
    history[replace ? "replaceState" : "pushState"](null, "", to);
    this.dispatchEvent(new Event("change"));
  }
}
