/** Periodic tasks: their states and actions. */
import { ask } from '../core/api.js';
import { h } from '../core/elements.js';
import { Table, inUnits } from '../showing/table.js';
import { View, marked } from '../showing/view.js';

/** The places of states in the list, and their severities. @type {Record<string, [number, string]>} */
const STATES = {
  failing: [0, 'critical'], late: [1, 'warning'], slowed: [2, 'warning'], disabled: [4, ''], offline: [5, ''],
};
const DISABLED = 'It does not run again until somebody enables it, even if its conductor is restarted.';

/** All tasks of all conductors: failing ones first, then late ones. */
export class PodiumTasks extends View {
  show() {
    const table = new Table('Periodic tasks, failing and late ones first', [
      'task', 'conductor',
      ['state', ({ state }) => state, ({ state }) => marked('severity', rankOf(state)[1], state)],
      ['every', (one) => inUnits(one.spacing)], ['last run', (one) => this.ago(one.last_run)],
      ['took', (one) => inUnits(one.duration)],
      'runs', 'failures', 'skipped', 'deadline_misses', 'last_error',
      ['actions', (one) => this.#actions(one), (one) => h('span', { class: 'row' }, this.#buttons(one))],
    ], aboutOf, 'No conductor has tasks yet.');
    void this.begin(5, async (signal) => {
      /** @type {any[]} */
      const items = (await ask('GET', 'podium/v1/tasks', { signal })).items;
      table.show(items.sort((one, other) => rankOf(one.state)[0] - rankOf(other.state)[0]));
    }, table.element);
  }

  /** @param {any} one a task @returns {string[]} its possible actions */
  #actions({ state }) {
    const { session } = this.page;
    if (state === 'offline' || !session.may('operator')) return [];
    return session.may('admin') ? ['run', state.endsWith('disabled') ? 'enable' : 'disable'] : ['run'];
  }

  /** @param {any} one */
  #buttons(one) {
    return this.#actions(one).map((action) => this.asking({
      action, about: aboutOf(one), role: action === 'run' ? 'operator' : 'admin',
      lines: action === 'disable' ? [DISABLED] : [],
      path: `tasks/${encodeURIComponent(one.task)}/${action}`, body: () => ({ conductor: one.conductor }),
      said: ({ changed }) => (action === 'run' ? 'to be run, with the result in its row'
        : `${action}d${changed ? '' : ' already'}`),
    }));
  }
}

/** @param {string} state such as `late, disabled` */
const rankOf = (state) => STATES[state.split(', ')[0]] ?? [3, 'fine'];

/** @param {any} one */
const aboutOf = ({ task, conductor }) => `${task} on ${conductor}`;

customElements.define('podium-tasks', PodiumTasks);
