import { link } from '../core/address.js';
import { ask } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';
import { ACTIONS, counted, outcomeOf, ownAction, places, requestOf, warnings } from './actions.js';
import { askPerson } from './podium-question.js';

/** @typedef {import('./actions.js').Action} Action @typedef {import('../core/fleet.js').Node} Node */

const OLD = 'The connection is lost: what is said here of the nodes is old';
const NOT_IN_FORCE = 'The filter that is typed is not in force, and these nodes were chosen without it';

/** The most nodes whose feeds are read before they are switched. */
const MOST_OPINIONS = 10;
/** The actions of drivers; [] if they are unknown. @type {Map<string, string[]>} */
const abilities = new Map();
/** Drivers' own actions by name. @type {Map<string, Action>} */
const owned = new Map();

/**
 * @param {Pick<Action, 'name' | 'set' | 'own'>} action
 * @returns {(node: Node) => boolean} whether its driver can do it, or this is unknown
 */
const can = ({ name, set, own }) => ({ driver }) => {
  const known = abilities.get(driver);
  return set !== undefined || own === driver || own === undefined && (!known?.length || known.includes(name));
};

/**
 * What the feeds report about a few nodes that cannot be read.
 * @param {Node[]} nodes @returns {Promise<string[]>}
 */
async function opinions(nodes) {
  const failing = nodes.filter((node) => node.power_failures).slice(0, MOST_OPINIONS);
  return (await Promise.all(failing.map(async ({ name, uuid }) => {
    const asked = ask('POST', `podium/v1/nodes/${uuid}/feeds`, { body: {}, seconds: 30 });
    const { words } = await asked.catch(() => ({ words: null }));
    return words ? [`${name} cannot be read; ${words}`] : [];
  }))).flat();
}

/** The actions that the user may take on nodes, and their results. */
class PodiumActions extends Part {
  /** The nodes to act on; by default those chosen. @type {Node[] | null} */ of = null;
  #count = h('span', { role: 'status' });
  /** @type {Map<Action, HTMLElement>} */
  #buttons = new Map();
  #row = h('div', { class: 'row' }, this.#count);
  #outcome = h('div', { role: 'status' });

  show() {
    const { session, shown, choice } = this.page;
    this.soonAfter([choice, 'change'], [session, 'change'], [shown, 'change']);
    this.#count.hidden = this.of !== null;
    this.refresh();
  }

  get #nodes() { return this.of ?? this.page.choice.nodes(); }

  /** The number of chosen nodes that the filter hides. */
  get #hidden() {
    const { shown, choice } = this.page;
    const isChosen = (/** @type {Node} */ { uuid }) => choice.has(uuid);
    return this.of || !choice.size ? 0 : choice.size - shown.nodes.filter(isChosen).length;
  }

  refresh() {
    const may = this.page.session.may('operator');
    if (may !== this.hasChildNodes()) this.replaceChildren(...(may ? [this.#row, this.#outcome] : []));
    this.hidden = !may;
    if (!may) return;
    const nodes = this.#nodes;
    const some = `${counted(nodes.length)} chosen${this.#hidden ? `, ${this.#hidden} not shown` : ''}`;
    setText(this.#count, nodes.length ? some : 'Choose nodes to act on them');
    for (const driver of new Set(nodes.map((node) => node.driver))) void this.#learn(driver);
    for (const action of [...ACTIONS, ...owned.values()]) {
      const button = this.#buttons.get(action) ?? this.#add(action);
      button.hidden = !nodes.some(can(action));
    }
  }

  /** @param {Action} action */
  #add(action) {
    const { name, label = name } = action;
    const button = h('button', { 'data-action': name, onclick: () => this.#ask(action) }, label);
    this.#buttons.set(action, button);
    this.#row.append(button);
    return button;
  }

  /** @param {string} driver */
  async #learn(driver) {
    if (abilities.has(driver)) return;
    abilities.set(driver, []);
    const found = await ask('GET', `podium/v1/drivers/${encodeURIComponent(driver)}`).catch(() => ({}));
    const { power_actions: power = [], abilities: beside = [], actions = [] } = found;
    const known = beside.map((/** @type {string} */ one) => (one === 'boot device' ? `set ${one}` : one));
    abilities.set(driver, [...power, ...known]);
    for (const one of actions) owned.set(one.name, ownAction(one));
    this.soon();
  }

  /** @param {Action} action */
  async #ask(action) {
    const { fleet, session, shown, stream } = this.page;
    this.#outcome.replaceChildren();
    const { name, label = name, title, meaning, option, stops, set, bootsBy, fields } = action;
    let nodes = this.#nodes;
    const hasFields = bootsBy === undefined || nodes.some(can({ name: bootsBy }));
    let where = places(nodes);
    const others = this.#hidden ? [`Not shown by the filter: ${counted(this.#hidden)}`] : [];
    if (!this.of && !shown.isInForce) others.push(NOT_IN_FORCE);
    const about = () => {
      const found = nodes.flatMap(({ uuid }) => fleet.nodes.get(uuid) ?? []);
      const isOther = found.length < nodes.length || found.some((node, at) => node !== nodes[at]);
      // While the fleet is reloaded, it may lack existing nodes.
      if (isOther && fleet.phase === 'whole') [nodes, where] = [found, places(found)];
      return {
        title: title.replace('@', () => (nodes.length === 1 ? nodes[0].name : counted(nodes.length))),
        lines: [...(meaning ? [meaning] : []), ...where],
        warnings: [...(stream.state === 'lost' ? [OLD] : []), ...others,
          ...warnings(action, nodes, can(action))],
        count: nodes.length, isMany: set === undefined && nodes.length > session.confirm_above,
      };
    };
    const found = await askPerson(this.page, {
      ...(stops && { later: opinions(nodes) }),
      about, action: name, label, loud: stops === true, reason: set !== false, role: 'operator',
      work: (answer) => ask.bind(null, ...requestOf(action, nodes, answer)), option,
      ...(hasFields && { fields }),
    });
    if (found) this.#tell(action, outcomeOf(action, found));
  }

  /** @param {Action} action @param {ReturnType<typeof outcomeOf>} outcome */
  #tell({ name, label = name }, { text, operation, lines }) {
    const place = operation === null ? '' : link('operations', operation);
    const about = place ? h('a', { href: place }, `operation ${operation}`) : label;
    const onclick = () => this.#outcome.replaceChildren();
    this.#outcome.replaceChildren(h('p', {}, about, `: ${text}`,
      h('button', { class: 'plain', 'data-action': 'dismiss', onclick }, 'Dismiss')),
    h('ul', { class: 'warning', hidden: !lines.length }, lines.map((line) => h('li', {}, line))));
  }
}

customElements.define('podium-actions', PodiumActions);
