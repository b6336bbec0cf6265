/**
 * The address of the page says what is shown, so that it can be sent to a colleague: `#/fleet?colour=health`.
 *
 * @typedef {{view: string, name: string, query: Record<string, string>}} Place name: of a node, or ''
 * @typedef {Record<string, string | number | null | undefined>} Query null, undefined and '' remove a key
 */

/** Longer than any view accepts, so that a text cut to this length is still refused. */
const LONGEST = 2001;

/** @param {string} hash an empty one means the fleet @returns {Place} */
export function parse(hash) {
  const [, view = '', name = '', search = ''] = /^#?\/?([^/?]*)\/?([^?]*)\??(.*)$/s.exec(hash) ?? [];
  const given = [...new URLSearchParams(search)];
  const query = Object.fromEntries(given.map(([key, value]) => [key, value.slice(0, LONGEST)]));
  return { view: decode(view) || 'fleet', name: decode(name), query };
}

/** @param {string} view @param {string | number} [name] @param {Query} [query] @returns {string} for links */
export function link(view, name = '', query = {}) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value || value === 0) search.set(key, String(value));
  const path = [view, name].filter((part) => part !== '').map(encodeURIComponent).join('/');
  return `#/${path}${search.size ? `?${search}` : ''}`;
}

/** Decodes a text; parts with a wrong encoding stay as they are. @param {string} text */
const decode = (text) => text.replace(/(%[0-9a-f]{2})+/gi, (code) => {
  const [[, sign]] = new URLSearchParams(`=${code}`);
  return sign;
});

/** The present place. The event 'change' comes when it changes: by a link, by Back, or by a call here. */
export class Address extends EventTarget {
  constructor() {
    super();
    addEventListener('hashchange', () => this.dispatchEvent(new Event('change')));
  }

  read() { return parse(location.hash); }

  /** Change the query of this view; Back does not undo this. @param {Query} changes */
  write(changes) {
    const { view, name, query } = this.read();
    const to = link(view, name, { ...query, ...changes });
    if (to === location.hash) return;
    history.replaceState(null, '', to);
    this.dispatchEvent(new Event('change'));
  }
}
