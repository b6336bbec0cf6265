/**
 * How elements of the page are made, and how what they hold ends with them.
 *
 * @typedef {string | number | Node | null | undefined | false} Child
 */

/**
 * Make an element. What is given are attributes, listeners (`onclick: f`), properties (objects and `value`).
 * True is an attribute without a value; false, null and undefined are none. Texts are texts, never markup.
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
 * An element of the page. When it is put in, `show()` makes its contents and begins to listen; `refresh()`
 * brings them up to date. What it listens to, and its timers, end when it is taken out.
 */
export class Part extends HTMLElement {
  /** What all parts share; set before the element is put in. */
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

  /** Refresh at the next frame, once however often it is asked for. */
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

  /** Do something whenever an element gets another size. @param {Element} element @param {() => void} act */
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
