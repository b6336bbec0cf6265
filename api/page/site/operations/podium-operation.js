/** One operation: who requested what, its progress, and its results. */
import { link } from '../core/address.js';
import { ask, lines } from '../core/api.js';
import { h, setText } from '../core/elements.js';
import { Facts, Table, inUnits } from '../showing/table.js';
import { View, marked } from '../showing/view.js';
import { Outcomes } from './outcomes.js';
import { actionOf, bar, cancelling, progressOf } from './podium-operations.js';

/** The most lines of results. */
const MOST = 200;
/** What waiting nodes wait for. */
const TURN = 'their conductor, or their turn: a stagger, power_on_limits, or earlier changes';
/** @type {Record<string, string>} */
const SEVERITY = { failed: 'critical', cancelled: 'warning', replaced: 'warning', done: 'fine' };

/** The operation with the number `name`. */
export class PodiumOperation extends View {
  #facts = new Facts('What was asked for');
  #results = new Table('Results', [
    ['nodes', ({ nodes }) => nodes, linked], ['number', ({ names }) => names.length],
    ['result', (one) => one.outcome, (one) => marked('severity', SEVERITY[one.state], one.outcome)],
  ], ({ outcome }) => outcome);
  #rest = h('p');
  /** The progress at the time when the results were read, and the time of the newest result. */
  #seen = '';
  #ended = '';

  show() {
    const path = `podium/v1/operations/${encodeURIComponent(this.name)}`;
    this.soonAfter([this.page.fleet, 'operations']);
    void this.begin(2, async (signal) => {
      const one = await ask('GET', path, { signal });
      const isOpen = one.held + one.waiting + one.begun > 0;
      this.#tell(one, isOpen);
      if (progressOf(one) === this.#seen) return;
      const outcomes = new Outcomes();
      for await (const some of lines(`${path}/requests`, { signal })) {
        outcomes.add(some);
        for (const { finished_at: at } of some) if (at > this.#ended) this.#ended = at;
      }
      this.#results.show(await outcomes.results(MOST));
      const rest = `There are more; see: podium operation show ${this.name}`;
      setText(this.#rest, outcomes.size > MOST ? rest : '');
      this.#seen = progressOf(one);
      this.#tell(one, isOpen);
    }, h('h2', {}, `Operation ${this.name}`), this.#facts.element, this.#results.element, this.#rest);
  }

  /** @param {any} one @param {boolean} isOpen */
  #tell(one, isOpen) {
    const took = (Date.parse(this.#ended) - Date.parse(one.requested_at)) / 1000;
    const [name, mayCancel, cancel] = cancelling(this);
    this.#facts.show(one, ['action', actionOf(one)], ['progress', progressOf(one), () => bar(one)],
      ['waits for', one.waiting > 0 && TURN], 'reason',
      ['requested', `${this.ago(one.requested_at)} by ${one.requested_by}`],
      ['ended', !isOpen && this.#ended && `${this.ago(this.#ended)}, after ${inUnits(took)}`],
      ['timeout', inUnits(one.timeout)],
      ['then off', one.then_off && 'those still on after the timeout are switched off'],
      ['cancelled', one.cancelled_at && `${this.ago(one.cancelled_at)} by ${one.cancelled_by}`],
      [name, mayCancel(one), () => cancel(one)]);
  }
}

/** @param {import('./outcomes.js').Result} result */
function linked({ nodes, names }) {
  if (nodes.endsWith('…')) return h('span', {}, nodes);
  return h('a', { href: names[1] ? link('fleet', '', { where: nodes }) : link('nodes', nodes) }, nodes);
}

customElements.define('podium-operation', PodiumOperation);
