/**
 * One node: what is known of it, what can be asked of it, and what happened to it.
 *
 * @typedef {import("../showing/table.js").Row} Row here a node
 */
import { ask } from "../core/api.js";
import { h } from "../core/elements.js";
import { stateOf } from "../core/words.js";
import { Choice } from "../fleet/choice.js";
import { Facts, Table, factsOf } from "../showing/table.js";
import { View, marked } from "../showing/view.js";
import "../acting/podium-actions.js";
import "./podium-history.js";

/** Fields that say where a node belongs. */
const PLACE = [
  "conductor", "conductor_group", "driver", "owner", "lessee", "provision_state", "resource_class",
  "instance_name", "instance_uuid", "reserved_for", "retired", "parent_node", "description", "uuid",
];
/** Entries that people and drivers chose, by field. */
const ENTRIES = {
  properties: "Properties", extra: "Extra", driver_info: "Settings of the driver",
  driver_internal_info: "Collected by the driver", record: "Record",
};

/** The node `name`. */
export class PodiumNode extends View {
  #title = h("h2");
  #state = new Facts("State");
  #place = new Facts("Place");
  #entries = Object.entries(ENTRIES).map(([field, title]) => ({ field, facts: new Facts(title) }));
  #sensors = new Table("Sensors", [
    "name", ["value", (one) => one.value !== null && `${one.value} ${one.unit}`],
    // Without a reading nothing is known to be well, whatever the thresholds say.
    ["status", ({ value, status }) => (value ?? status) !== "OK" && status,
      ({ status }) => marked("health", status)],
  ], (one) => one.name);

  show() {
    const { page, name } = this;
    const choice = new Choice(page.fleet);
    this.ends.signal.addEventListener("abort", () => choice.end());
    const sensors = this.button("read sensors", `of ${name}`, () => this.#read());
    delete sensors.dataset["action"]; // readers may, too: nothing changes
    const state = h("div", { class: "parts" }, this.#state.element, this.#place.element,
      h("section", {}, sensors, this.#sensors.element));
    const entries = h("div", { class: "parts" }, this.#entries.map(({ facts }) => facts.element));
    const history = Object.assign(h("podium-history", { page }), { name });
    this.begin(5, async (signal) => {
      const node = await ask("GET", `podium/v1/nodes/${encodeURIComponent(name)}`, { signal });
      this.#show(node);
      if (page.fleet.nodes.has(node.uuid)) choice.set([node.uuid]);
    }, this.#title, h("podium-actions", { page, choice }), state, history, entries);
    this.listen(page.fleet, "change", ({ detail }) => {
      if (detail.order || detail.nodes.has(page.fleet.named(name))) this.soon();
    });
  }

  /** @param {Row} node */
  #show(node) {
    const { health, target_power_state: target, power_requested_by: who } = node;
    const state = stateOf(node);
    Object.assign(this.dataset, { node: node.name, state });
    this.#title.replaceChildren(`${node.name}: `, marked("state", state));
    this.#state.show([
      ["power", state, () => marked("state", state)], ["changed", this.ago(node.power_changed_at)],
      ["read", this.ago(node.power_checked_at) || "never"], ["failed reads", node.power_failures],
      ["under way", target && `${target}, requested ${this.ago(node.power_requested_at)} by ${who}`],
      ...factsOf(node, "wanted_power_state", "power_policy", "enforcement", "last_error"),
      ["health", health?.status, () => marked("health", health.status)],
      ["because", health?.reasons.join("; ")], ["health reported", this.ago(node.health_checked_at)],
      ["maintenance", node.maintenance && (node.maintenance_reason ?? "yes")], ...factsOf(node, "fault"),
    ]);
    this.#place.show(factsOf(node, ...PLACE));
    for (const { field, facts } of this.#entries) facts.show(Object.entries(node[field] ?? {}));
  }

  async #read() {
    this.say("Its conductor asks the hardware…");
    const path = `podium/v1/nodes/${encodeURIComponent(this.name)}/sensors`;
    const found = await ask("POST", path, { body: {}, seconds: 60, signal: this.ends.signal });
    this.#sensors.show(found.sensors);
    const what = found.sensors.length ? "sensors read" : "it has no sensors; asked";
    return `${what} ${this.ago(found.read_at)} by ${found.conductor}`;
  }
}

customElements.define("podium-node", PodiumNode);
