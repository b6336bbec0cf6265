import { h, Part, setText } from '../core/elements.js';

/** @type {Record<string, string>} */
const SEVERITIES = { live: 'fine', connecting: 'warning', lost: 'critical' };

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
    this.listen(stream, 'state', () => this.refresh());
    for (const type of ['change', 'phase']) this.listen(fleet, type, () => this.soon());
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
      : failure && `The nodes cannot be listed: ${failure}.`;
    if (fault === this.#said) return;
    this.#said = fault;
    this.notice.replaceChildren(fault && h('p', { class: 'fault', role: 'alert' }, fault, ' Trying again.'));
  }
}

customElements.define('podium-connection', PodiumConnection);
