import { ask } from "../core/api.js";
import { link } from "../core/address.js";
import { h, Part, setText } from "../core/elements.js";
import { ACTIONS, counted, outcomeOf, places, requestOf, warnings } from "./actions.js";
import { askPerson } from "./podium-question.js";

/** @typedef {import("./actions.js").Action} Action @typedef {import("../core/fleet.js").Node} Node */

/** Milliseconds until a driver is asked for again of which podium-api knows nothing. */
const AGAIN = 60_000;
/** Lines of a result. */
const MOST = 50;
/** What drivers can do, as far as that is known. @type {Map<string, {actions?: string[], again: number}>} */
const drivers = new Map();
const able = (/** @type {string} */ driver, /** @type {Action} */ { name, set }) =>
  set !== undefined || (drivers.get(driver)?.actions?.includes(name) ?? true);

/** What those who may can do with nodes, and what came of it. */
class PodiumActions extends Part {
  /** Of one's own; by default that of the fleet. @type {import("../fleet/choice.js").Choice | null} */
  choice = null;
  #count = h("span", { role: "status" });
  #clear = h("button", { class: "plain", onclick: () => this.page.choice.clear() }, "Clear");
  #buttons = ACTIONS.map((action) =>
    h("button", { "data-action": action.name, onclick: () => this.#ask(action) }, action.name));
  #outcome = h("div", { role: "status", hidden: true });
  #progress = h("span");
  /** The operation that the outcome is about. @type {number | null} */ #operation = null;

  get #chosen() {
    return this.choice ?? this.page.choice;
  }

  show() {
    const { fleet, session, shown } = this.page;
    const own = this.choice === null ? [this.#count, this.#clear] : [];
    this.replaceChildren(h("div", { class: "row" }, ...own, ...this.#buttons), this.#outcome);
    for (const one of [this.#chosen, session, shown]) this.listen(one, "change", () => this.soon());
    this.listen(fleet, "operation", ({ detail }) => this.#follow(detail.operation));
    this.refresh();
  }

  refresh() {
    this.hidden = !this.page.session.may("operator");
    if (this.hidden) return;
    const nodes = this.#chosen.nodes();
    const hidden = this.#notShown(nodes);
    const some = `${counted(nodes.length)} chosen${hidden ? `, ${hidden} not shown` : ""}`;
    setText(this.#count, nodes.length ? some : "Choose nodes to act on them");
    this.#clear.hidden = nodes.length === 0;
    const its = [...new Set(nodes.map((/** @type {Node} */ { driver }) => driver))];
    for (const driver of its) void this.#learn(driver);
    this.#buttons.forEach((button, place) => {
      button.hidden = !its.some((driver) => able(driver, ACTIONS[place]));
    });
  }

  /** How many of the chosen nodes are not shown. @param {Node[]} nodes */
  #notShown(nodes) {
    const { shown, fleet } = this.page;
    if (this.choice || !nodes.length || shown.nodes.length === fleet.nodes.size) return 0;
    const visible = new Set(shown.nodes);
    return nodes.filter((node) => !visible.has(node)).length;
  }

  /** @param {string} driver */
  async #learn(driver) {
    if ((drivers.get(driver)?.again ?? 0) > Date.now()) return;
    drivers.set(driver, { again: Date.now() + AGAIN });
    const found = await ask("GET", `podium/v1/drivers/${encodeURIComponent(driver)}`).catch(() => null);
    if (found) drivers.set(driver, { actions: found.power_actions, again: Infinity });
    if (found) this.soon();
  }

  /** @param {Action} action */
  async #ask(action) {
    const nodes = this.#chosen.nodes();
    const hidden = this.#notShown(nodes);
    const isMany = action.set === undefined && nodes.length > this.page.session.confirm_above;
    const found = await askPerson(this.page, {
      title: `${action.words(nodes.length === 1 ? nodes[0].name : counted(nodes.length))}?`,
      action: action.name,
      loud: action.stops === true,
      lines: [action.meaning, ...places(nodes)].filter(Boolean),
      warnings: [...(hidden ? [`${counted(hidden)} not shown`] : []),
        ...warnings(action, nodes, (driver) => able(driver, action))],
      reason: action.set !== false,
      ...(action.option && { option: action.option }),
      ...(isMany && { count: nodes.length }),
      work: (answer, key) => {
        const { method, path, body } = requestOf(action, nodes, answer);
        return ask(method, path, { body, key, seconds: 60 });
      },
    });
    if (found) this.#tell(action, outcomeOf(action, found));
  }

  /** @param {Action} action @param {ReturnType<typeof outcomeOf>} outcome */
  #tell({ name }, { text, operation, lines }) {
    this.#operation = operation;
    this.#progress.replaceChildren();
    const place = operation === null ? null : link("operations", operation);
    const about = place === null ? name : h("a", { href: place }, `operation ${operation}`);
    const dismiss = () => { this.#outcome.hidden = true; };
    const shown = lines.slice(0, MOST).map((line) => h("li", {}, line));
    const rest = lines.length > MOST && h("li", {}, `and ${lines.length - MOST} more`);
    this.#outcome.replaceChildren(h("p", {}, about, `: ${text}`, this.#progress, " ",
      h("button", { class: "plain", "data-action": "dismiss", onclick: dismiss }, "Dismiss")),
    h("ul", { class: "warning", hidden: lines.length === 0 }, shown, rest));
    this.#outcome.hidden = false;
    if (place !== null && !this.isConnected) location.hash = place; // whoever had to log in has a new view
  }

  /** @param {any} operation how far one is by now */
  #follow({ id, waiting, begun, ...ended }) {
    if (id !== this.#operation) return;
    const counts = { ...ended, left: waiting + begun };
    const words = ["done", "failed", "cancelled", "replaced", "left"].filter((word) => counts[word]);
    setText(this.#progress, `; ${words.map((word) => `${counts[word]} ${word}`).join(", ")}`);
  }
}

customElements.define("podium-actions", PodiumActions);
