import { wordsOf } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';
import { fields } from './filters.js';

const EXAMPLES = [
  ['r1n[01-40], r2*', 'names, ranges and patterns'],
  ['n07', 'a part of names, in capitals or not'],
  ['power_state=off and extra.rack=r1', 'conditions, as --where takes them; also or, not, parentheses'],
  ['owner="high energy" or last_error~"*timeout*"', 'texts to the letter; ~ is for patterns'],
  ['age>5m and health in (warning, none)', '90s, 5m, 2h, 90d; none is what is missing'],
];

/** The filter of the shown nodes: applied while one types, and part of the page's address. */
class PodiumFilter extends Part {
  #fields = h('p');
  #reason = h('p', { id: 'podium-filter-fault', role: 'status' });
  #input = h('input', {
    type: 'search', 'data-role': 'filter', 'aria-label': 'Filter', 'aria-describedby': 'podium-filter-fault',
    maxlength: 2000, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
    placeholder: 'Filter: r1n[01-40], or power_state=off and age>5m',
  });

  show() {
    const { shown, address } = this.page;
    const examples = EXAMPLES.map(([text, means]) => h('p', {}, h('code', {}, text), ` ${means}`));
    const help = h('div', { id: 'podium-help', popover: 'auto' }, examples, this.#fields);
    const onclick = () => void this.#explain();
    this.replaceChildren(this.#input,
      h('button', { class: 'plain', popovertarget: 'podium-help', onclick }, 'Help'), help, this.#reason);
    this.listen(this.#input, 'input', () => address.write({ where: this.#input.value }));
    this.listen(address, 'change', () => this.#read());
    this.listen(shown, 'change', () => this.soon());
    this.#read();
  }

  #read() {
    const { where = '' } = this.page.address.read().query;
    if (this.#input.value !== where) this.#input.value = where;
    this.page.shown.filter = where;
    this.soon();
  }

  refresh() {
    const { fault, waiting } = this.page.shown;
    this.#input.setAttribute('aria-invalid', String(fault !== null));
    setText(this.#reason, waiting ?? fault ?? '');
    this.#reason.className = fault ? 'fault' : 'quiet';
  }

  async #explain() { setText(this.#fields, await fields().catch(wordsOf)); }
}

customElements.define('podium-filter', PodiumFilter);
