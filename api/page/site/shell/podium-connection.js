import { h, Part, setText } from '../core/elements.js';
import { MOST_LIVE } from '../core/stream.js';

/** @type {Record<string, string>} */
const SEVERITIES = { live: 'fine', connecting: 'warning', waiting: 'warning', lost: 'critical' };
const WAITS = `This window waits: ${MOST_LIVE} others of this browser are live. Close or hide one of them.`;

/** Says whether what is shown is live: a word beside the navigation, and above everything when it is not. */
class PodiumConnection extends Part {
  /** Where the banner goes. */
  notice = h('div');
  #word = h('span', { class: 'mark', role: 'status' });
  #rest = h('span', { class: 'quiet small' });
  #said = '';

  show() {
    const { stream, fleet } = this.page;
    this.replaceChildren(this.#word, this.#rest);
    this.soonAfter([stream, 'state'], [fleet, 'change'], [fleet, 'phase']);
    this.refresh();
  }

  refresh() {
    const { stream: { state, since }, fleet: { phase, failure, nodes, total } } = this.page;
    const [some, all] = [nodes.size, total].map((count) => count.toLocaleString('en'));
    setText(this.#word, state);
    this.#word.dataset.severity = SEVERITIES[state];
    setText(this.#rest, phase === 'loading' && total ? ` ${some} of ${all} nodes` : '');
    this.closest('podium-page')?.setAttribute('data-connection', state);
    const then = new Date(since).toLocaleTimeString();
    const fault = state === 'lost' ? `No connection to Podium since ${then}: what you see is from then.`
      : state === 'waiting' ? WAITS : failure && `The nodes cannot be listed: ${failure}.`;
    if (fault === this.#said) return;
    this.#said = fault;
    this.notice.replaceChildren(fault && h('p', { class: 'fault', role: 'alert' }, fault,
      state === 'waiting' ? '' : ' Trying again.'));
  }
}

customElements.define('podium-connection', PodiumConnection);
