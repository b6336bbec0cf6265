/**
 * A question before something is done, such as `Switch 40 nodes off?`. The action names the button that
 * agrees; what is loud takes something from people; the option can be wanted too; a count is to be typed, so
 * that nobody agrees by habit. `work` does it; its key stays the same where no answer came to the same.
 *
 * @typedef {{reason: string | null, option: boolean, confirmed: boolean}} Answer
 * @typedef {{title: string, action: string, loud?: boolean, lines?: string[], warnings?: string[],
 *   reason?: boolean, option?: string | undefined, count?: number | undefined,
 *   work: (answer: Answer, key: string) => Promise<any>}} Question
 */
import { wordsOf } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';

/** What goes wrong is said in the question, and nothing that was typed is lost. */
class PodiumQuestion extends Part {
  /** @type {Question} */ question = { title: '', action: '', work: async () => null };
  /** @type {(found: any) => void} */ answered = () => {};
  #dialog = h('dialog', { 'aria-labelledby': 'podium-question' });
  #fault = h('p', { class: 'fault', role: 'alert', hidden: true });
  #reason = h('input', { name: 'reason', maxlength: 1000, autocomplete: 'off' });
  #option = h('input', { name: 'option', type: 'checkbox' });
  #count = h('input', { name: 'count', inputmode: 'numeric', autocomplete: 'off' });
  #typed = h('label', { hidden: true });
  /** @type {any} */ #found = null;
  #isBusy = false;
  #asked = '';
  #key = '';

  show() {
    const { title, action, loud, lines = [], warnings = [], reason, option, count } = this.question;
    const close = () => this.#dialog.close();
    const form = h('form', { method: 'dialog' }, h('h2', { id: 'podium-question' }, title),
      lines.map((line) => h('p', {}, line)),
      h('ul', { class: 'warning', hidden: !warnings.length }, warnings.map((line) => h('li', {}, line))),
      reason && h('label', {}, 'Reason', this.#reason), option && h('label', {}, this.#option, option),
      this.#typed, this.#fault, h('div', { class: 'row' },
        h('button', { class: loud ? 'loud' : 'primary', 'data-action': action }, action),
        h('button', { type: 'button', 'data-action': 'close', onclick: close }, 'Cancel')));
    if (count !== undefined) this.#askFor(count);
    this.listen(form, 'submit', (event) => this.#carryOut(event));
    this.listen(this.#dialog, 'cancel', (event) => this.#isBusy && event.preventDefault());
    this.listen(this.#dialog, 'close', () => this.#isIn && this.remove());
    this.listen(this.page.session, 'change', () => this.#makeRoom());
    this.#dialog.append(form);
    this.append(this.#dialog);
    this.#makeRoom();
    /** @type {HTMLElement | null} */ (form.querySelector('label:not([hidden]) input'))?.focus();
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.answered(this.#found);
  }

  get #isIn() { return this.page.session.state === 'somebody'; }

  /** Where the session has ended, wait until the person has logged in again. */
  #makeRoom() {
    if (!this.#isIn) this.#dialog.close();
    else if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** @param {number} count */
  #askFor(count) {
    const pattern = `\\s*(${count}|${count.toLocaleString('en')})\\s*`;
    Object.assign(this.#count, { pattern, required: true, title: `${count}, the number of nodes` });
    this.#typed.replaceChildren(h('span', {}, 'Type ', h('strong', {}, count), ' to go on'), this.#count);
    this.#typed.hidden = false;
  }

  /** @param {SubmitEvent} event */
  async #carryOut(event) {
    event.preventDefault();
    if (this.#isBusy) return;
    const reason = this.#reason.value.trim() || null;
    const answer = { reason, option: this.#option.checked, confirmed: this.#count.required };
    const asked = JSON.stringify(answer);
    if (asked !== this.#asked) this.#key = crypto.getRandomValues(new Uint32Array(4)).join('-');
    [this.#asked, this.#isBusy, this.#fault.hidden, this.#dialog.ariaBusy] = [asked, true, true, 'true'];
    try {
      this.#found = await this.question.work(answer, this.#key);
      this.#dialog.close();
    } catch (error) {
      const { status, nodes } = /** @type {Partial<import('../core/api.js').ApiError>} */ (error);
      if (status) this.#asked = ''; // it was answered: what comes next is another request
      if (nodes !== undefined) this.#askFor(nodes);
      setText(this.#fault, wordsOf(error));
      this.#fault.hidden = status === 401;
    }
    [this.#isBusy, this.#dialog.ariaBusy] = [false, 'false'];
  }
}

/**
 * Ask a question, and do what it is about. @param {import('../main.js').Page} page @param {Question} question
 * @returns {Promise<any>} what its work returned; null where the person thought better of it
 */
export function askPerson(page, question) {
  const element = Object.assign(h('podium-question'), { page, question });
  return new Promise((answered) => { document.body.append(Object.assign(element, { answered })); });
}

customElements.define('podium-question', PodiumQuestion);
