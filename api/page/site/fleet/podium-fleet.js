import { h, Part, setText } from '../core/elements.js';
import '../acting/podium-actions.js';
import './podium-counts.js';
import './podium-heatmap.js';
import './podium-table.js';
import '../selection/podium-filter.js';

/** The view of all nodes: counts, filter, heat map with the table beside it, and actions. */
class PodiumFleet extends Part {
  #count = h('p', { class: 'quiet', role: 'status' });

  show() {
    const { page } = this;
    this.replaceChildren(
      h('podium-counts', { page }),
      h('div', { class: 'filter' }, h('podium-filter', { page }), this.#count),
      h('div', { class: 'panes' },
        h('section', { class: 'panel', 'aria-label': 'Nodes by rack' }, h('podium-heatmap', { page })),
        h('section', { class: 'panel list', 'aria-label': 'Nodes in a table' }, h('podium-table', { page }))),
      h('podium-actions', { page }),
    );
    this.soonAfter([page.fleet, 'change'], [page.fleet, 'phase'], [page.shown, 'change']);
    this.refresh();
  }

  refresh() {
    const { shown, fleet } = this.page;
    this.toggleAttribute('data-large', fleet.total > 20_000);
    const sizes = [shown.nodes.length, fleet.nodes.size, fleet.total];
    const [some, all, total] = sizes.map((count) => count.toLocaleString('en'));
    const text = fleet.phase === 'loading' ? `${all} of ${total} loaded`
      : some === all ? `${all} nodes` : `${some} of ${all} nodes`;
    // After a fault the former nodes stay; they must not be taken for the result of the new filter.
    setText(this.#count, shown.isInForce ? text : `${text}: this filter is not in force`);
  }
}

customElements.define('podium-fleet', PodiumFleet);
