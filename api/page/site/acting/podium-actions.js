import { link } from '../core/address.js';
import { ask } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';
import { progressOf } from '../operations/podium-operations.js';
import { ACTIONS, counted, outcomeOf, places, requestOf, warnings } from './actions.js';
import { askPerson } from './podium-question.js';

/** @typedef {import('./actions.js').Action} Action @typedef {import('../core/fleet.js').Node} Node */

/** What drivers can do; [] while or where nobody knows. @type {Map<string, string[]>} */
const abilities = new Map();

/** @param {Action} action @returns {(node: Node) => boolean} whether its driver can do it, or nobody knows */
const can = ({ name, set }) => ({ driver }) =>
  set !== undefined || !abilities.get(driver)?.length || abilities.get(driver)?.includes(name) === true;

/** What those who may can do with nodes, and what came of it. */
class PodiumActions extends Part {
  /** What it is about; by default those chosen. @type {Node[] | null} */ of = null;
  #count = h('span', { role: 'status' });
  #clear = h('button', { class: 'plain', onclick: () => this.page.choice.set([]) }, 'Clear');
  #buttons = ACTIONS.map((action) =>
    h('button', { 'data-action': action.name, onclick: () => this.#ask(action) }, action.name));
  #outcome = h('div', { role: 'status', hidden: true });
  #progress = h('span');
  /** What the outcome is about. @type {number | null} */ #operation = null;

  show() {
    const { fleet, session, shown, choice } = this.page;
    this.replaceChildren(h('div', { class: 'row' }, this.#count, this.#clear, this.#buttons), this.#outcome);
    for (const one of [choice, session, shown]) this.listen(one, 'change', () => this.soon());
    this.listen(fleet, 'operation', ({ detail }) => this.#follow(detail.operation));
    this.#count.hidden = this.of !== null;
    this.refresh();
  }

  get #nodes() { return this.of ?? this.page.choice.nodes(); }

  /** How many of the chosen nodes the filter does not show. */
  get #hidden() {
    const { shown, choice } = this.page;
    const isChosen = (/** @type {Node} */ { uuid }) => choice.has(uuid);
    return this.of || !choice.size ? 0 : choice.size - shown.nodes.filter(isChosen).length;
  }

  refresh() {
    this.hidden = !this.page.session.may('operator');
    if (this.hidden) return;
    const nodes = this.#nodes;
    const some = `${counted(nodes.length)} chosen${this.#hidden ? `, ${this.#hidden} not shown` : ''}`;
    setText(this.#count, nodes.length ? some : 'Choose nodes to act on them');
    this.#clear.hidden = this.of !== null || !nodes.length;
    for (const driver of new Set(nodes.map((node) => node.driver))) void this.#learn(driver);
    this.#buttons.forEach((button, place) => { button.hidden = !nodes.some(can(ACTIONS[place])); });
  }

  /** @param {string} driver */
  async #learn(driver) {
    if (abilities.has(driver)) return;
    abilities.set(driver, []);
    const found = await ask('GET', `podium/v1/drivers/${encodeURIComponent(driver)}`).catch(() => null);
    abilities.set(driver, found?.power_actions ?? []);
    this.soon();
  }

  /** @param {Action} action */
  async #ask(action) {
    const nodes = this.#nodes;
    const isMany = action.set === undefined && nodes.length > this.page.session.confirm_above;
    const hidden = this.#hidden ? [`Not shown by the filter: ${counted(this.#hidden)}`] : [];
    const found = await askPerson(this.page, {
      title: action.title.replace('@', () => (nodes.length === 1 ? nodes[0].name : counted(nodes.length))),
      action: action.name,
      loud: action.stops === true,
      lines: [...(action.meaning ? [action.meaning] : []), ...places(nodes)],
      warnings: [...hidden, ...warnings(action, nodes, can(action))],
      reason: action.set !== false,
      option: action.option,
      count: isMany ? nodes.length : undefined,
      work: (answer, key) => {
        const [method, path, body] = requestOf(action, nodes, answer);
        return ask(method, path, { body, key, seconds: 60 });
      },
    });
    if (found) this.#tell(action, outcomeOf(action, found));
  }

  /** @param {Action} action @param {ReturnType<typeof outcomeOf>} outcome */
  #tell({ name }, { text, operation, lines }) {
    const place = operation === null ? '' : link('operations', operation);
    if (place && !this.isConnected) location.hash = place; // whoever had to log in has a new view
    const about = place ? h('a', { href: place }, `operation ${operation}`) : name;
    const onclick = () => { this.#outcome.hidden = true; };
    this.#operation = operation;
    this.#progress.textContent = '';
    this.#outcome.replaceChildren(h('p', {}, about, `: ${text}`, this.#progress,
      h('button', { class: 'plain', 'data-action': 'dismiss', onclick }, 'Dismiss')),
    h('ul', { class: 'warning', hidden: !lines.length }, lines.map((line) => h('li', {}, line))));
    this.#outcome.hidden = false;
  }

  /** @param {any} operation how far one is by now */
  #follow(operation) {
    if (operation.id === this.#operation) setText(this.#progress, `; ${progressOf(operation)}`);
  }
}

customElements.define('podium-actions', PodiumActions);
