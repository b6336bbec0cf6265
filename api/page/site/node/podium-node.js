/** One node: its properties, its actions, and its history. */
import '../acting/podium-actions.js';
import { link } from '../core/address.js';
import { ask } from '../core/api.js';
import { h } from '../core/elements.js';
import { stateOf } from '../core/words.js';
import { Facts, Table, off } from '../showing/table.js';
import { View, marked } from '../showing/view.js';
import { Hardware, health } from './hardware.js';

/** The number of events that are shown. */
const NEWEST = 200;
/** Seconds by which a clock may be off before this is shown. */
const MINUTE = 60;
/** Fields whose entries are chosen by people and drivers. */
const MAPPINGS = ['properties', 'extra', 'driver_info', 'record'];

/** The severities of events. @type {Record<string, string>} */
const SEVERITY = { 'out-of-band': 'warning', 'failed request': 'critical', fault: 'critical' };

/** The node `name`. */
export class PodiumNode extends View {
  #title = h('h2');
  #state = new Facts('State');
  #place = new Facts('Place');
  #entries = new Facts('Properties and other entries');
  #history = new Table('History, the newest first', [
    ['when', ({ at }) => this.ago(at), ({ at }) => h('time', { datetime: at, title: at }, this.ago(at))],
    ['change', ({ from_state: from, to_state: to }) =>
      (to && from === to ? `${to}, as before` : [from, to].filter(Boolean).join(' → '))],
    ['cause', ({ cause }) => cause, ({ cause }) => marked('severity', SEVERITY[cause] ?? 'fine', cause)],
    'who', 'conductor', 'reason',
    ['operation', ({ operation_id: id }) => id, operation],
  ], ({ id }) => id);

  /** The node's conductor and its state, if the conductor cannot act. */
  absent = '';
  /** The node as last loaded. @type {any} */
  node = null;

  show() {
    const { page, name } = this;
    this.#title.append(name);
    const actions = /** @type {any} */ (h('podium-actions', { page, of: [] }));
    this.listen(page.fleet, 'change', ({ detail }) => {
      if (detail.order || [...detail.nodes].some((/** @type {any} */ one) => one.name === name)) this.soon();
    });
    void this.begin(5, async (signal) => {
      const path = `podium/v1/nodes/${encodeURIComponent(name)}`;
      const node = await ask('GET', path, { signal });
      this.#tell(node);
      actions.of = [page.fleet.nodes.get(node.uuid) ?? []].flat();
      actions.refresh();
      const query = { newest: NEWEST, limit: NEWEST };
      this.#history.show((await ask('GET', `${path}/history`, { query, signal })).items.reverse());
    }, this.#title, actions, h('div', { class: 'parts' }, this.#state.element, this.#place.element),
    ...new Hardware(this).elements, this.#history.element, this.#entries.element);
  }

  /** @param {any} node */
  #tell(node) {
    this.node = node;
    const { health: its, target_power_state: target, power_requested_by: who } = node;
    const state = stateOf(node);
    const host = node.conductor?.split('/')[0];
    /** @type {any[]} */
    const known = this.page.status.last?.conductors ?? [];
    const standing = known.find((one) => one.hostname === host)?.state ?? 'gone';
    const isAbsent = host && known.length && /^(silent|gone)/.test(standing);
    this.absent = isAbsent ? `${node.conductor}, which is ${standing}` : '';
    Object.assign(this.dataset, { node: node.name, state });
    const read = this.absent && ` ${this.ago(node.power_checked_at) ?? ''}, conductor ${this.absent}`;
    this.#title.replaceChildren(`${node.name}: `, marked('state', state), read,
      node.maintenance ? ', in maintenance' : '');
    this.#state.show(node, ['power', state, () => marked('state', state)],
      ['changed', this.ago(node.power_changed_at)], ['read', this.ago(node.power_checked_at) || 'never'],
      ['failed reads', node.power_failures], 'last_error',
      ['under way', target && `${target}, requested ${this.ago(node.power_requested_at)} by ${who}`],
      'wanted_power_state', 'power_policy', 'enforcement',
      ['health', its?.status, () => health(its.status)], ['because', its?.reasons.join('; ')],
      ['health reported', this.ago(node.health_checked_at)],
      ['clock of the hardware', Math.abs(node.clock_offset ?? 0) > MINUTE && off(node.clock_offset)],
      ['maintenance', node.maintenance && (node.maintenance_reason ?? 'yes')], 'fault');
    const conductor = this.absent || (host ? node.conductor : 'none');
    this.#place.show(node, ['conductor', conductor, () => h('a', { href: link('conductors') },
      marked('severity', conductor === node.conductor ? 'fine' : 'critical', conductor))],
    'conductor_group', 'driver', 'owner', 'lessee', 'provision_state', 'resource_class', 'instance_name',
    'instance_uuid', 'reserved_for', 'retired', 'parent_node', 'description', 'uuid');
    this.#entries.show({}, ...MAPPINGS.flatMap((field) => Object.entries(node[field] ?? {}).map(
      /** @returns {[string, string]} */ ([name, value]) =>
        [`${field}.${name}`, typeof value === 'string' ? value : JSON.stringify(value)])));
  }
}

/** @param {any} event */
const operation = ({ operation_id: id }) => h('a', { href: link('operations', id) }, id);

customElements.define('podium-node', PodiumNode);
