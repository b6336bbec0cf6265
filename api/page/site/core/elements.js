/**
 * How elements of the page are made, and how what they hold ends with them.
 *
 * @typedef {string | number | Node | null | undefined | false} Child
 */

/**
 * Give an element attributes, listeners (`onclick: f`) and properties (objects and `value`). True is
 * an attribute without a value; false, null and undefined take it away.
 *
 * @param {Element} element
 * @param {Record<string, any>} attributes
 */
export function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const kind = typeof value;
    if (kind === "function" && name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else if (kind === "object" || name === "value") Object.assign(element, { [name]: value });
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Make an element with its children; texts are texts, never markup.
 *
 * @template {string} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement}
 */
export function h(tag, attributes, ...children) {
  return /** @type {any} */ (made(document.createElement(tag), attributes, children));
}

/**
 * The same for the elements of a picture.
 *
 * @param {keyof SVGElementTagNameMap} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 */
export function svg(tag, attributes, ...children) {
  return made(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {object} [attributes]
 * @param {(Child | Child[])[]} [children]
 */
function made(element, attributes = {}, children = []) {
  dress(element, attributes);
  const isThere = (/** @type {Child} */ child) => child !== null && child !== undefined && child !== false;
  element.append(.../** @type {(string | Node)[]} */ (children.flat().filter(isThere)));
  return element;
}

/** Set a text unless it is there already. @param {Element} element @param {string | number} text */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = String(text);
}

/** What went wrong, for people. @param {unknown} error @returns {string} */
export function wordsOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * An element of the page. When it is put in, `show()` makes its contents and begins to listen; `refresh()`
 * brings them up to date. What it listens to, and its timers, end when it is taken out.
 */
export class Part extends HTMLElement {
  constructor() {
    super();
    /** What all parts share; set before the element is put in. */
    this.page = /** @type {import("../main.js").Page} */ (/** @type {unknown} */ (undefined));
    this.ends = new AbortController();
    this.frame = 0;
  }

  connectedCallback() {
    this.ends = new AbortController();
    /** @type {any} */ (this).show?.();
  }

  disconnectedCallback() {
    this.ends.abort();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** Refresh at the next frame, once however often it is asked for. */
  soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      /** @type {any} */ (this).refresh();
    });
  }

  /** @param {EventTarget} target @param {string} type @param {(event: any) => void} listener */
  listen(target, type, listener) {
    target.addEventListener(type, listener, { signal: this.ends.signal });
  }

  /** @param {number} seconds @param {() => void} act */
  every(seconds, act) {
    const timer = setInterval(act, seconds * 1000);
    this.ends.signal.addEventListener("abort", () => clearInterval(timer));
  }
}
