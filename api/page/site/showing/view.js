/** What views have in common: they load what they show again and again, and say what went wrong. */
import { wordsOf } from '../core/api.js';
import { askPerson } from '../acting/podium-question.js';
import { Part, h, setText } from '../core/elements.js';
import { age } from '../core/words.js';

/** Milliseconds from one request to the next, however much happens. */
const LEAST = 500;

/** A part of the page that keeps itself current: one request at a time, and none while nobody looks. */
export class View extends Part {
  /** Of what is shown, where it is one of many. */
  name = '';
  #fault = h('p', { role: 'alert', class: 'fault', hidden: true });
  #said = h('p', { role: 'status' });
  #isLoading = false;
  #isLoaded = false;
  /** When to load again, and when at the earliest. */
  #due = 0;
  #earliest = 0;
  #look = () => {};

  /**
   * Show what is loaded, again and again.
   * @param {number} seconds from one request to the next; more where answers take long
   * @param {(signal: AbortSignal) => Promise<void>} load
   * @param {...Node} children
   */
  begin(seconds, load, ...children) {
    this.#look = async () => {
      if (document.hidden || this.#isLoading || Date.now() < Math.max(this.#due, this.#earliest)) return;
      const begun = Date.now();
      [this.#isLoading, this.#due] = [true, begun + seconds * 1000];
      const fault = await load(this.ends.signal).then(() => '', wordsOf);
      [this.#isLoading, this.#earliest] = [false, Date.now() + Math.max(LEAST, 3 * (Date.now() - begun))];
      setText(this.#fault, fault);
      this.#fault.hidden = !fault;
      this.#isLoaded ||= !fault;
      this.toggleAttribute('data-old', fault !== '');
      this.toggleAttribute('data-missing', !this.#isLoaded);
    };
    this.replaceChildren(...children, this.#fault, this.#said);
    this.every(1, () => this.#look());
    this.#look();
  }

  /** Load again, but not too often. */
  refresh() {
    this.#due = 0;
    this.#look();
  }

  /**
   * Return a button that does something, once at a time, and says what came of it; `about` is only heard.
   * @param {string} action @param {string} about @param {() => Promise<string>} work
   */
  button(action, about, work) {
    let isBusy = false;
    const onclick = () => {
      if (isBusy) return;
      isBusy = true;
      const said = work().then((text) => this.say(text), (fault) => this.say(wordsOf(fault), 'fault'));
      said.finally(() => {
        isBusy = false;
        this.soon();
      });
    };
    return h('button', { 'data-action': action, 'aria-label': `${action} ${about}`, onclick }, action);
  }

  /** Say what came of what somebody did. @param {string} text @param {string} kind */
  say(text, kind = '') {
    const onclick = () => this.say('');
    const dismiss = h('button', { class: 'plain', 'data-action': 'dismiss', onclick }, 'Dismiss');
    this.#said.className = kind;
    this.#said.replaceChildren(...(text ? [text, dismiss] : []));
  }

  /**
   * Do something if the person agrees. @param {string} action @param {import('../core/session.js').Role} role
   * @param {{title: string, lines?: string[]}} words
   * @param {() => Promise<any>} work @returns {Promise<any>} what it returned, or null
   */
  agreed(action, role, words, work) {
    const about = () => words;
    return askPerson(this.page, { action, role, about, loud: action !== 'enable', work: () => work });
  }

  /** @param {string} host of a conductor @returns {string} its state; empty as long as it is not known */
  standing(host) {
    const known = this.page.status.last?.conductors;
    return known?.find((/** @type {any} */ one) => one.hostname === host)?.state ?? (known ? 'gone' : '');
  }

  /** Return how long ago something was, by the server's clock. @param {string | null} time */
  ago(time) {
    return time && age(this.page.fleet.now() - Date.parse(time));
  }
}

/** Return words with a mark. @param {string} kind @param {string} [value] @param {string} [words] */
export const marked = (kind, value = '', words = value) =>
  h('span', { class: 'mark', [`data-${kind}`]: value }, words);
