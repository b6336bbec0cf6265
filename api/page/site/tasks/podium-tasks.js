/** Periodic tasks: how they fare, and what can be asked of them. */
import { ask } from '../core/api.js';
import { h, setText } from '../core/elements.js';
import { pause } from '../core/waiting.js';
import { Table, inUnits } from '../showing/table.js';
import { View, marked } from '../showing/view.js';

/** The places of states in the list, and how bad they are. @type {Record<string, [number, string]>} */
const STATES = {
  failing: [0, 'critical'], late: [1, 'warning'], slowed: [2, 'warning'], disabled: [4, ''], offline: [5, ''],
};
/** What a question says of an action. @type {Record<string, string[]>} */
const MEANINGS = {
  disable: ['It does not run again until somebody enables it, even if its conductor is restarted.'],
  'disable conductor.sync_power_status': ['The power of the nodes of this conductor is then no longer read.'],
};
/** Seconds for which an answer is waited for. */
const PATIENCE = 300;

/** All tasks of all conductors: failing ones first, then late ones. */
export class PodiumTasks extends View {
  show() {
    const note = h('p', {}, 'Loading the tasks…');
    const table = new Table('Periodic tasks, failing and late ones first', [
      'task', 'conductor',
      ['state', ({ state }) => state, ({ state }) => marked('severity', rankOf(state)[1], state)],
      ['every', (one) => inUnits(one.spacing)], ['last run', (one) => this.ago(one.last_run)],
      ['took', (one) => inUnits(one.duration)],
      'runs', 'failures', 'skipped', 'deadline_misses', 'last_error',
      ['actions', (one) => this.#actions(one), (one) => h('span', { class: 'row' }, this.#buttons(one))],
    ], (one) => `${one.task} on ${one.conductor}`);
    this.begin(5, async (signal) => {
      /** @type {any[]} */
      const items = (await ask('GET', 'podium/v1/tasks', { signal })).items;
      table.show(items.sort((one, other) => rankOf(one.state)[0] - rankOf(other.state)[0]));
      setText(note, items.length ? '' : 'No conductor has tasks yet.');
    }, note, table.element);
  }

  /** @param {any} one a task @returns {string[]} what may be asked of it */
  #actions({ state }) {
    const { session } = this.page;
    if (state === 'offline' || !session.may('operator')) return [];
    return session.may('admin') ? ['run', state.endsWith('disabled') ? 'enable' : 'disable'] : ['run'];
  }

  /** @param {any} one */
  #buttons(one) {
    const about = `${one.task} on ${one.conductor}`;
    return this.#actions(one).map((action) => this.button(action, about, async () => {
      const title = `${action[0].toUpperCase()}${action.slice(1)} ${about}?`;
      const lines = [action, `${action} ${one.task}`].flatMap((key) => MEANINGS[key] ?? []);
      const path = `podium/v1/tasks/${encodeURIComponent(one.task)}/${action}`;
      const asked = await this.agreed(action, action === 'run' ? 'operator' : 'admin', { title, lines },
        () => ask('POST', path, { body: { conductor: one.conductor } }));
      if (!asked) return '';
      this.say(`${about}: ${action} was requested`);
      return `${about}: ${await answered(action, one.conductor, asked, this.ends.signal)}`;
    }));
  }
}

/** @param {string} state such as `late, disabled` */
const rankOf = (state) => STATES[state.split(', ')[0]] ?? [3, 'fine'];

/**
 * Return what a conductor answers to what it was asked. The signal ends the waiting alone.
 * @param {string} action @param {string} conductor @param {any} asked @param {AbortSignal} signal
 */
async function answered(action, conductor, asked, signal) {
  const query = { numbers: Object.values(asked.commands).flat() };
  for (let second = 0; second < PATIENCE; second += 1) {
    const { commands, conductors } = await ask('GET', 'podium/v1/commands', { query, signal });
    const error = commands.find((/** @type {any} */ one) => one.error)?.error;
    if (error) throw new Error(error.startsWith('failed for ') ? error : `failed: ${error}`);
    if (commands.every((/** @type {any} */ one) => one.finished_at)) {
      if (action !== 'run') return `${action}d${asked.changed ? '' : ' already'}`;
      return `done in ${Math.max(0, ...commands.map((/** @type {any} */ one) => one.duration)).toFixed(1)} s`;
    }
    if (conductors.some((/** @type {any} */ one) => !one.online)) throw new Error(`${conductor} is gone`);
    await pause(1000, signal);
  }
  throw new Error(`not finished after ${PATIENCE} s`);
}

customElements.define('podium-tasks', PodiumTasks);
