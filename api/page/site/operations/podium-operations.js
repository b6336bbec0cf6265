/** The newest operations and their progress. */
import { counted } from '../acting/actions.js';
import { link } from '../core/address.js';
import { ask } from '../core/api.js';
import { h } from '../core/elements.js';
import { Table, inWords } from '../showing/table.js';
import { View } from '../showing/view.js';

/** The number of operations that are shown. */
const NEWEST = 100;
const WORDS = {
  held: 'waiting for canaries', waiting: 'not begun yet', begun: 'under way', failed: 'failed',
  cancelled: 'cancelled', replaced: 'replaced',
};

/** @param {any} one an operation @returns {string} its progress in words */
export function progressOf(one) {
  const rest = Object.entries(WORDS).map(([state, words]) => one[state] && `, ${one[state]} ${words}`);
  return `${one.done} of ${one.nodes} done${rest.filter(Boolean).join('')}`;
}

/** Return a progress bar for an operation. @param {any} one */
export function bar(one) {
  const value = one.nodes - one.held - one.waiting - one.begun;
  const severity = one.failed ? 'critical' : one.cancelled + one.replaced ? 'warning' : 'fine';
  const shown = h('progress', { max: one.nodes, value, 'data-severity': severity,
    'aria-label': `progress of operation ${one.id}` });
  return h('span', {}, shown, ` ${progressOf(one)}`);
}

/** @param {any} one @returns {string} the requested action, as people call it */
export const actionOf = ({ action, what }) =>
  inWords([action.replace('rebooting', 'reboot'), ...(what ? [what] : [])]);

/** The column of buttons that cancel what has not begun.
 * @param {View} view @returns {[string, (one: any) => boolean, (one: any) => Node]} */
export const cancelling = (view) => [
  'actions', ({ held, waiting }) => view.page.session.may('operator') && held + waiting > 0,
  ({ id, held, waiting }) => view.asking({
    action: 'cancel', about: `operation ${id}`, role: 'operator', path: `operations/${id}/cancel`,
    lines: [`${counted(held + waiting)} not begun yet. What is under way goes on.`],
    said: ({ cancelled, under_way: begun, ended }) =>
      `${cancelled} cancelled, ${begun} under way, ${ended} had ended`,
  }),
];

/** The list of operations, the newest first. */
export class PodiumOperations extends View {
  show() {
    const table = new Table('Operations, the newest first', [
      ['id', ({ id }) => id, ({ id }) => h('a', { href: link('operations', id) }, id)],
      ['action', actionOf], ['progress', progressOf, bar], ['requested', (one) => this.ago(one.requested_at)],
      'requested_by', 'reason', cancelling(this),
    ], ({ id }) => id, 'Nothing was requested yet.');
    this.soonAfter([this.page.fleet, 'operations']);
    void this.begin(5, async (signal) => {
      table.show((await ask('GET', 'podium/v1/operations', { query: { limit: NEWEST }, signal })).items);
    }, table.element);
  }
}

customElements.define('podium-operations', PodiumOperations);
