/**
 * Creates the elements of the page; their listeners and timers end with them.
 *
 * @typedef {string | number | Node | null | undefined | false} Child
 */

/**
 * Create an element. `given` has attributes, listeners (`onclick: f`) and properties (objects and `value`).
 * True is an attribute without a value; false, null and undefined are left out. Texts are never markup.
 *
 * @template {string} T
 * @param {T} tag
 * @param {Record<string, any>} [given]
 * @param {...(Child | Child[])} children
 * @returns {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement}
 */
export function h(tag, given, ...children) {
  return /** @type {any} */ (dressed(document.createElement(tag), given, children));
}

/** @param {keyof SVGElementTagNameMap} tag @param {object} [given] @param {...Child} children */
export function svg(tag, given, ...children) {
  return dressed(document.createElementNS('http://www.w3.org/2000/svg', tag), given, children);
}

/** @param {Element} element @param {object | undefined} given @param {(Child | Child[])[]} children */
function dressed(element, given, children) {
  for (const [name, value] of Object.entries(given ?? {})) {
    const kind = typeof value;
    if (kind === 'function') element.addEventListener(name.slice(2), value);
    else if (value && kind === 'object' || name === 'value') Object.assign(element, { [name]: value });
    else if (isThere(value)) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(.../** @type {(string | Node)[]} */ (children.flat().filter(isThere)));
  return element;
}

/** @param {unknown} value */
function isThere(value) {
  return value !== null && value !== undefined && value !== false;
}

/** Set a text unless it is there already. @param {Element} element @param {string | number} text */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = String(text);
}

/**
 * An element of the page. When it is inserted, `show()` creates its contents and begins to listen;
 * `refresh()` brings them up to date. Its listeners and timers end when it is removed.
 */
export class Part extends HTMLElement {
  /** The objects that all parts share; set before the element is inserted. */
  page = /** @type {import('../main.js').Page} */ (/** @type {unknown} */ (undefined));
  ends = new AbortController();
  #frame = 0;

  connectedCallback() {
    this.ends = new AbortController();
    /** @type {any} */ (this).show?.();
  }

  disconnectedCallback() {
    this.ends.abort();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /** Refresh at the next frame, once however often this is called. */
  soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      /** @type {any} */ (this).refresh();
    });
  }

  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} listener */
  listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.ends.signal });
  }

  /** @param {...[target: EventTarget, type: string]} events after which it is refreshed */
  soonAfter(...events) {
    for (const [target, type] of events) this.listen(target, type, () => this.soon());
  }

  /** Call a function whenever an element is resized. @param {Element} element @param {() => void} act */
  measure(element, act) {
    const sizes = new ResizeObserver(act);
    sizes.observe(element);
    this.ends.signal.addEventListener('abort', () => sizes.disconnect());
  }

  /** @param {number} seconds @param {() => void} act */
  every(seconds, act) {
    const timer = setInterval(act, seconds * 1000);
    this.ends.signal.addEventListener('abort', () => clearInterval(timer));
  }
}
