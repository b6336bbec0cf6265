/** The base of views: they load their contents periodically, and show errors. */
import { askPerson } from '../acting/podium-question.js';
import { ask, wordsOf } from '../core/api.js';
import { Part, h, setText } from '../core/elements.js';
import { once, pause } from '../core/waiting.js';
import { age } from '../core/words.js';

/** The least milliseconds from one request to the next, however much happens. */
const LEAST = 500;

/** A part of the page that keeps itself current: one request at a time, and none while the page is hidden. */
export class View extends Part {
  /** The name of what is shown, if it is one of many. */
  name = '';
  #fault = h('p', { role: 'alert', class: 'fault' });
  #said = h('p', { role: 'status' });
  #isWanted = false;

  /**
   * Load and show the contents periodically.
   * @param {number} seconds from one request to the next; more if answers take long
   * @param {(signal: AbortSignal) => Promise<void>} load
   * @param {...Node} children
   */
  async begin(seconds, load, ...children) {
    const { signal } = this.ends;
    this.replaceChildren(...children, this.#fault, this.#said);
    this.toggleAttribute('data-missing', true);
    while (!signal.aborted) {
      const begun = Date.now();
      this.#isWanted = false;
      const fault = await load(signal).then(() => '', wordsOf);
      setText(this.#fault, fault);
      this.toggleAttribute('data-old', fault !== '');
      if (!fault) this.removeAttribute('data-missing');
      await pause(Math.max(LEAST, 3 * (Date.now() - begun)), signal);
      if (!this.#isWanted) await once(this, 'wanted', signal, seconds * 1000);
      while (document.hidden && !signal.aborted) await once(document, 'visibilitychange', signal);
    }
  }

  /** Load again, but not too often. */
  refresh() {
    this.#isWanted = true;
    this.dispatchEvent(new Event('wanted'));
  }

  /**
   * Return a button that runs `work`, once at a time, and shows the result; screen readers also say `about`.
   * @param {string} action @param {string} about @param {() => Promise<string>} work
   */
  button(action, about, work) {
    let isBusy = false;
    const onclick = () => {
      if (isBusy) return;
      isBusy = true;
      this.#say('');
      const said = work().then((text) => this.#say(text), (fault) => this.#say(wordsOf(fault), 'fault'));
      void said.then(() => {
        isBusy = false;
        this.soon();
      });
    };
    return h('button', { 'data-action': action, 'aria-label': `${action} ${about}`, onclick }, action);
  }

  /**
   * Return a button that asks the person, sends a request, and shows the answer.
   * @param {object} what
   * @param {string} what.action
   * @param {string} what.about
   * @param {import('../core/session.js').Role} what.role
   * @param {string[]} [what.lines] of the question
   * @param {string} [what.option] of the question
   * @param {boolean} [what.reason] whether it asks for a reason
   * @param {string} what.path
   * @param {(answer: import('../acting/podium-question.js').Answer) => object} [what.body]
   *   or a promise of it
   * @param {(found: any) => string} what.said
   */
  asking({ action, about, role, lines = [], option, reason = false, path, body = () => ({}), said }) {
    const title = `${action[0].toUpperCase()}${action.slice(1)} ${about}?`;
    return this.button(action, about, async () => {
      /** @type {string[]} */
      const warnings = [];
      const warn = (/** @type {string[]} */ texts) => void warnings.push(...texts);
      const found = await askPerson(this.page, {
        action, role, option, reason, about: () => ({ title, lines }),
        loud: !['enable', 'undrain'].includes(action),
        work: (answer) => {
          /** @type {object[]} */
          const made = [];  // one body for each key: a log is not read again for a second attempt
          return async () => {
            if (!made.length) made.push(await body(answer));
            return ask('POST', `podium/v1/${path}`, { key: answer.key, body: made[0], warn });
          };
        },
      });
      return found ? [`${action} ${about}: ${said(found)}`, ...warnings].join('; ') : '';
    });
  }

  /** Show the result of a person's action. @param {string} text @param {string} kind */
  #say(text, kind = '') {
    const onclick = () => this.#say('');
    const dismiss = h('button', { class: 'plain', 'data-action': 'dismiss', onclick }, 'Dismiss');
    this.#said.className = kind;
    this.#said.replaceChildren(...(text ? [text, dismiss] : []));
  }

  /** Return how long ago something was, by the server's clock. @param {string | null} time */
  ago(time) { return time && age(this.page.fleet.now() - Date.parse(time)); }
}

/** Return words with a mark. @param {string} kind @param {string} [value] @param {string} [words] */
export const marked = (kind, value = '', words = value) =>
  h('span', { class: 'mark', [`data-${kind}`]: value }, words);
