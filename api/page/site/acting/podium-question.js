/**
 * A question before an action, such as `Switch 40 nodes off?`. `about` returns its present subject; `action`
 * names the button that agrees, unless it has a `label`; `loud` actions take something from people; `option`
 * is an extra choice; for many nodes the count must be typed, so that nobody agrees by habit. `work` needs
 * the role; it returns a function that acts once however often it is called, because the key is the same.
 *
 * Fields are further inputs, declared like the arguments of actions in the API.
 *
 * @typedef {{name: string, choices?: string[], kind?: string, required?: boolean, default?: any}} Field
 * @typedef {{reason: string | null, option: boolean, given: Record<string, string>, confirmed: boolean,
 *   key: string}} Answer
 * @typedef {{title: string, lines?: string[], warnings?: string[], count?: number, isMany?: boolean}} About
 * @typedef {{about: () => About, action: string, label?: string, loud?: boolean, reason?: boolean,
 *   option?: string | undefined, fields?: Field[], role: import('../core/session.js').Role,
 *   work: (answer: Answer) => () => Promise<any>, later?: Promise<string[]>}} Question later: more warnings
 */
import { wordsOf } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';

const CHANGED = 'This has changed while you were asked. Look at it again, and agree if you still want it.';
const ONCE = '. It may have been done all the same: agree again, and it is done once';
/** Statuses of requests that were refused before their contents were read. */
const AT_THE_DOOR = [401, 403, 408, 429];

/** Shows errors in the question, and keeps what was typed. */
class PodiumQuestion extends Part {
  question = /** @type {Question} */ (/** @type {unknown} */ (undefined));
  /** @type {(found: any) => void} */ answered = () => {};
  #dialog = h('dialog', { 'aria-labelledby': 'podium-question' });
  // Takes the focus, because an Enter that is held or pressed twice was meant for the button that led here.
  #title = h('h2', { id: 'podium-question', tabindex: -1, autofocus: true });
  #told = h('div');
  #fault = h('p', { class: 'fault', role: 'alert' });
  #reason = h('input', { name: 'reason', maxlength: 1000, autocomplete: 'off' });
  #option = h('input', { name: 'option', type: 'checkbox' });
  #count = h('input', { name: 'count', inputmode: 'numeric', autocomplete: 'off' });
  #typed = h('label');
  /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ #fields = [];
  /** @type {string[]} */ #texts = [];
  /** Warnings that arrived after the question was shown. @type {string[]} */ #late = [];
  /** What the person has seen, except for the number of nodes. @type {Set<string>} */ #seen = new Set();
  /** Repeats a request that may have been carried out. @type {(() => Promise<any>) | null} */ #sent = null;

  show() {
    const { session, session: { name }, fleet, stream } = this.page;
    const onclick = () => this.#dialog.close();
    const { action, label = action, loud, reason, option, role, fields = [] } = this.question;
    this.#fields = fields.map(fieldOf);
    const form = h('form', { method: 'dialog' }, this.#title, this.#told,
      this.#fields.map((field) => h('label', {}, field.name.replaceAll('_', ' '), field)),
      reason && h('label', {}, 'Reason', this.#reason), option && h('label', {}, this.#option, option),
      this.#typed, this.#fault, h('div', { class: 'row' },
        h('button', { class: loud ? 'loud' : 'primary', 'data-action': action }, label),
        h('button', { type: 'button', 'data-action': 'close', onclick }, 'Back')));
    this.refresh();
    this.#isNews();
    void this.question.later?.then((found) => {
      this.#late = found;
      this.refresh();
      this.#isNews();
    });
    this.listen(form, 'submit', (event) => this.#carryOut(event));
    this.listen(this.#dialog, 'cancel', (event) => this.#isBusy && event.preventDefault());
    this.listen(this.#dialog, 'close', () => this.remove());
    this.listen(session, 'change', () => (session.name !== name || !session.may(role)) && this.remove());
    this.soonAfter([fleet, 'change'], [stream, 'state']);
    this.ends.signal.addEventListener('abort', () => this.answered(null));
    this.#dialog.append(form);
    this.append(this.#dialog);
    this.#dialog.showModal();
  }

  get #isBusy() { return this.#dialog.ariaBusy === 'true'; }

  refresh() {
    const { title, lines = [], warnings: known = [], count, isMany } = this.question.about();
    const warnings = [...known, ...this.#late];
    const texts = [title, ...lines, ...warnings];
    if (texts.join('\n') === this.#texts.join('\n')) return;
    [this.#texts, this.#title.textContent] = [texts, title];
    this.#told.replaceChildren(...lines.map((line) => h('p', {}, line)),
      h('ul', { class: 'warning', hidden: !warnings.length }, warnings.map((line) => h('li', {}, line))));
    if (count !== undefined && (isMany || this.#count.required)) this.#askFor(count);
  }

  /** Return whether there is something that the person has not seen, and mark it as seen. */
  #isNews() {
    const known = this.#seen;
    this.#seen = new Set(this.#texts.map((text) => text.replace(/: [0-9,]+ nodes?$/, '')));
    return [...this.#seen].some((text) => !known.has(text));
  }

  /** @param {number} count */
  #askFor(count) {
    const pattern = `\\s*(${count}|${count.toLocaleString('en')})\\s*`;
    Object.assign(this.#count, { pattern, required: true, title: `${count}, the number of nodes` });
    this.#typed.replaceChildren(h('span', {}, 'Type ', h('strong', {}, count), ' to go on'), this.#count);
  }

  /** @param {SubmitEvent} event */
  async #carryOut(event) {
    event.preventDefault();
    if (this.#isBusy) return;
    this.refresh();
    if (this.#isNews() && !this.#sent) return setText(this.#fault, CHANGED);
    const send = this.#sent ?? this.question.work({
      reason: this.#reason.value.trim() || null, option: this.#option.checked,
      given: Object.fromEntries(this.#fields.map(({ name, value }) => [name, value])),
      confirmed: this.#count.required, key: crypto.getRandomValues(new Uint32Array(4)).join('-'),
    });
    [this.#dialog.ariaBusy, this.#fault.textContent] = ['true', ''];
    try {
      this.answered(await send());
      this.#dialog.close();
    } catch (error) {
      const { status = 0, nodes } = /** @type {Partial<import('../core/api.js').ApiError>} */ (error);
      if (!status || status >= 500) this.#sent = send;
      else if (!AT_THE_DOOR.includes(status)) this.#sent = null;
      for (const input of [...this.#fields, this.#reason, this.#option, this.#count]) {
        input.disabled = this.#sent !== null;
      }
      if (nodes !== undefined) this.#askFor(nodes);
      setText(this.#fault, `${wordsOf(error)}${this.#sent ? ONCE : ''}`);
    }
    this.#dialog.ariaBusy = 'false';
  }
}

/** Return the input for a value. @param {Field} field */
function fieldOf({ name, choices = [], kind, required = true, default: usual = '' }) {
  const all = kind === 'true or false' ? ['true', 'false'] : choices;
  const value = String(usual ?? '');
  // Without a label of its own, its accessible name would include its choices.
  return all.length ? h('select', { name, 'aria-label': name.replaceAll('_', ' ') },
    all.map((one) => h('option', { selected: one === value }, one)))
    : h('input', { name, required, value, autocomplete: 'off' });
}

/**
 * Ask a question and carry out its action. @param {import('../main.js').Page} page @param {Question} question
 * @returns {Promise<any>} what its work returned; null if the person went back
 */
export function askPerson(page, question) {
  const element = Object.assign(h('podium-question'), { page, question });
  return new Promise((answered) => { document.body.append(Object.assign(element, { answered })); });
}

customElements.define('podium-question', PodiumQuestion);
