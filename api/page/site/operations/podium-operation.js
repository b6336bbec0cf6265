/** One operation: who asked for what, how far it is, and its results. */
import { link } from '../core/address.js';
import { ask, lines } from '../core/api.js';
import { h, setText } from '../core/elements.js';
import { Facts, Table, inUnits } from '../showing/table.js';
import { View, marked } from '../showing/view.js';
import { Outcomes } from './outcomes.js';
import { actionOf, bar, cancelling, progressOf } from './podium-operations.js';

/** Lines of results, and the characters of an address, that are not too many. */
const MOST = 200;
const LONGEST = 2000;
/** What a conductor that is there waits for. */
const TURN = 'their turn: a stagger, power_on_limits, or earlier changes';
/** @type {Record<string, string>} */
const SEVERITY = { failed: 'critical', cancelled: 'warning', replaced: 'warning', done: 'fine' };

/** The operation whose number is the name. */
export class PodiumOperation extends View {
  /** How far it was when its results were read, and the newest of these. */
  #seen = '';
  #ended = '';

  show() {
    const path = `podium/v1/operations/${encodeURIComponent(this.name)}`;
    const facts = new Facts('What was asked for');
    const results = new Table('Results', [
      ['nodes', ({ nodes }) => nodes, linked], ['number', ({ names }) => names.length],
      ['result', (one) => one.outcome, (one) => marked('severity', SEVERITY[one.state], one.outcome)],
    ], ({ outcome }) => outcome);
    const rest = h('p');
    this.listen(this.page.fleet, 'operation', ({ detail }) => {
      if (String(detail.operation.id) === this.name) this.soon();
    });
    this.begin(2, async (signal) => {
      const one = await ask('GET', path, { signal });
      const isOpen = one.held + one.waiting + one.begun > 0;
      const prospects = isOpen && await ask('GET', `${path}/prospects`, { signal });
      const tell = () => facts.show(one,
        ['action', actionOf(one)], ['progress', progressOf(one), () => bar(one)],
        ['waits for', prospects && this.#missing(prospects) || (one.waiting > 0 && TURN)], 'reason',
        ['requested', `${this.ago(one.requested_at)} by ${one.requested_by}`],
        ['ended', !isOpen && this.#ended && `${this.ago(this.#ended)}, after ${
          inUnits((Date.parse(this.#ended) - Date.parse(one.requested_at)) / 1000)}`],
        ['timeout', inUnits(one.timeout)],
        ['then off', one.then_off && 'those still on after the timeout are switched off'],
        ['cancelled', one.cancelled_at && `${this.ago(one.cancelled_at)} by ${one.cancelled_by}`],
        cancelling(this, one));
      tell();
      if (progressOf(one) === this.#seen) return;
      const outcomes = new Outcomes();
      for await (const some of lines(`${path}/requests`, { signal })) {
        outcomes.add(some);
        for (const { finished_at: at } of some) if (at > this.#ended) this.#ended = at;
      }
      tell();
      results.show(await outcomes.results(MOST));
      setText(rest, outcomes.size > MOST ? `There are more; see: podium operation show ${this.name}` : '');
      this.#seen = progressOf(one);
    }, h('h2', {}, `Operation ${this.name}`), facts.element, results.element, rest);
  }

  /** @param {any} prospects @returns {string} which conductors have to be there, and are not */
  #missing({ owners, conductors }) {
    const alive = new Set(conductors.filter((/** @type {any} */ one) =>
      one.alive && this.standing(one.hostname) !== 'silent').map((/** @type {any} */ one) => one.hostname));
    const missing = owners.filter((/** @type {any} */ one) =>
      !one.able.some((/** @type {string} */ host) => alive.has(host)));
    return missing.map((/** @type {any} */ { driver, conductor_group: group, holder }) => {
      if (holder) return `the conductor ${holder}, which has begun it and is silent`;
      return `a conductor with the driver ${driver}${group && ` and the group ${group}`}: none is online`;
    }).join('; ');
  }
}

/** @param {import('./outcomes.js').Result} result */
function linked({ nodes, names }) {
  if (nodes.length > LONGEST) return h('span', {}, `${nodes.slice(0, LONGEST)}…`);
  return h('a', { href: names[1] ? link('fleet', '', { where: nodes }) : link('nodes', nodes) }, nodes);
}

customElements.define('podium-operation', PodiumOperation);
