/**
 * Conductors: who is there, what each owns, and how they keep up with it.
 *
 * @typedef {import("../showing/table.js").Row} Row
 */
import { askPerson } from "../acting/podium-question.js";
import { ask } from "../core/api.js";
import { h } from "../core/elements.js";
import { age } from "../core/words.js";
import { Facts, Table, factsOf, inSeconds, inWords } from "../showing/table.js";
import { View, marked } from "../showing/view.js";

/** What people ask of conductors: the question, what it means, and the words for what came of it. */
const DUTIES = {
  drain: {
    title: "Take it out of service?", said: ["drained already", "drained from now on"],
    lines: ["Others take over its nodes; changes under way end there first.",
      "It stays out of service, also after a restart, until it is undrained."],
    option: "Even if nobody else serves some of its nodes, which it then keeps",
  },
  undrain: {
    title: "Put it back into service?", said: ["in service already", "in service again"],
    lines: ["It gets its share of the nodes again."],
  },
  thaw: {
    title: "Let all conductors restore power states again?", said: ["is not frozen", "goes on"],
    lines: ["They froze because many nodes changed or vanished at once, which looks like an outage.",
      "They thaw by themselves when that is over."],
  },
};
/** Conductors whose sweeps are shown. */
const MOST = 50;
/** @type {Record<string, string>} */
const SEVERITY = { alive: "fine", silent: "critical", late: "warning", yes: "fine" };
const FRESHNESS = [
  "failing", "never_read", "unreadable", "unowned", "held_by_ended", "out_of_reach",
  "power_state_ages", "queues", "load",
];

/** All conductors, and the freshness of what they read. */
export class PodiumConductors extends View {
  #total = 0;
  #frozen = new Facts("Enforcement");
  #freshness = new Facts("Freshness of all nodes");
  #table = new Table("Conductors", [
    "hostname", ["state", (one) => this.#state(one), (one) => mark(one.state, this.#state(one))], "nodes",
    ["share", (one) => this.#total > 0 && `${inWords(one.nodes / this.#total * 100)} %`], "workers",
    ["lease renewed", (one) => one.lease_age !== null && age(one.lease_age * 1000)],
    ["shares taken", (one) => one.generation !== null && `${one.acknowledged} of ${one.generation}`],
    ["groups", (one) => one.conductor_groups?.map((/** @type {string} */ group) => group || "none")],
    "drivers", "version", "differs_in",
    ["actions", (one) => this.#duty(one), (one) => this.#button(this.#duty(one), one.hostname)],
  ], (one) => one.hostname, (one) => ({ conductor: one.hostname, condition: one.state }));
  #sweeps = new Table("Sweeps", [
    "conductor", "driver", "nodes", ["every", (one) => inSeconds(one.interval)],
    ["last took", (one) => inSeconds(one.sweep_duration)], "reads_per_second", "failures",
    ["keeps up", (one) => (one.late ? "late" : "yes"), (one) => mark(one.late ? "late" : "yes")],
  ], (one) => `${one.conductor} ${one.driver}`);

  show() {
    const tables = [this.#frozen, this.#table, this.#sweeps, this.#freshness];
    this.listen(this.page.fleet, "conductor", () => this.soon());
    this.begin(5, (signal) => this.#load(signal), ...tables.map((one) => one.element));
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    const { items } = /** @type {{items: Row[]}} */ (await ask("GET", "podium/v1/conductors", { signal }));
    this.#total = items.reduce((sum, { nodes }) => sum + nodes, 0);
    this.#table.show(items);
    const frozen = items.find((one) => one.frozen_at);
    this.#frozen.show(frozen ? [
      ["frozen", `${this.ago(frozen.frozen_at)}: ${frozen.frozen_reason}`],
      ["actions", this.page.session.may("admin"), () => this.#button("thaw", "enforcement")],
    ] : []);
    this.#showFreshness(await ask("GET", "podium/v1/freshness", { signal }));
    const online = items.filter((one) => one.online).slice(0, MOST);
    const sweeps = [];
    for (const { hostname: conductor } of online) {
      const found = await ask("GET", `podium/v1/conductors/${encodeURIComponent(conductor)}`, { signal });
      const reads = Object.entries(found.power_reads ?? {});
      sweeps.push(...reads.map(([driver, its]) => ({ ...its, conductor, driver })));
    }
    this.#sweeps.show(sweeps.filter((one) => one.nodes || one.reads));
  }

  /** @param {Row} one */
  #state({ state, since }) {
    return since ? `${state}, ${this.ago(since)}` : state;
  }

  /** @param {Row} one @returns {keyof typeof DUTIES | undefined} what may be asked of it */
  #duty({ state }) {
    if (!this.page.session.may("admin") || state === "gone") return undefined;
    return state.startsWith("drain") ? "undrain" : "drain";
  }

  /** @param {keyof typeof DUTIES | undefined} action @param {string} about a conductor, or enforcement */
  #button(action, about) {
    if (!action) return h("span");
    const { title, said, ...more } = DUTIES[action];
    const path = action === "thaw" ? "enforcement" : `conductors/${encodeURIComponent(about)}`;
    return this.button(action, about, async () => {
      /** @type {string[]} */
      const warnings = [];
      const found = await askPerson(this.page, {
        title: `${about}: ${title}`, action, loud: action !== "undrain", ...more,
        work: (/** @type {any} */ { option }) => ask("POST", `podium/v1/${path}/${action}`, {
          body: option ? { force: true } : {}, warn: (texts) => warnings.push(...texts) }),
      });
      return found ? [`${about}: ${said[Number(found.changed)]}`, ...warnings].join("; ") : "";
    });
  }

  /** @param {Row} found */
  #showFreshness(found) {
    /** @type {[string, Row][]} */
    const sinks = Object.entries(found.notifications ?? {});
    this.#freshness.show([
      ["fresh share", found.fresh_share !== null && `${Number((found.fresh_share * 100).toFixed(3))} %`],
      ["oldest reading", found.oldest !== null && age(found.oldest * 1000)], ...factsOf(found, ...FRESHNESS),
      ...found.unread.map((/** @type {Row} */ one) => [one.why, one.nodes]),
      ...sinks.map(([name, its]) => /** @type {[string, string]} */ ([`notifications to ${name}`, its.failing
        ? `failing, ${this.ago(its.failing_since)}: ${its.last_error}` : `${its.delivered} delivered`])),
      ["figures written", this.ago(found.statistics_at)],
    ]);
  }
}

/** @param {string} state @param {string} words */
const mark = (state, words = state) => marked("severity", SEVERITY[state] ?? "warning", words);

customElements.define("podium-conductors", PodiumConductors);
