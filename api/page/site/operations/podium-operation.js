/** One operation: who asked for what, how far it is, and its results. */
import { link } from "../core/address.js";
import { ask } from "../core/api.js";
import { h, setText } from "../core/elements.js";
import { Facts, Table, factsOf, inSeconds } from "../showing/table.js";
import { View, marked } from "../showing/view.js";
import { Outcomes } from "./outcomes.js";
import { actionOf, bar, cancelling, mayCancel, progressOf } from "./podium-operations.js";

/** Lines of results, and the characters of an address, that are not too many. */
const MOST = 200;
const LONGEST = 2000;
/** @type {Record<string, string>} */
const SEVERITY = { failed: "critical", cancelled: "warning", replaced: "warning", done: "fine" };

/** The operation whose number is the name. */
export class PodiumOperation extends View {
  /** How far it was when its results were read. */
  #seen = "";
  #facts = new Facts("What was asked for");
  #rest = h("p");
  #results = new Table("Results, like nodes folded", [
    ["nodes", ({ nodes }) => nodes, linked], ["number", ({ names }) => names.length],
    ["result", (one) => one.outcome, (one) => marked("severity", SEVERITY[one.state], one.outcome)],
  ], ({ outcome }) => outcome, ({ state }) => ({ result: state }));

  show() {
    const path = `podium/v1/operations/${encodeURIComponent(this.name)}`;
    const isMine = (/** @type {any} */ { detail }) => String(detail.operation.id) === this.name;
    this.listen(this.page.fleet, "operation", (event) => isMine(event) && this.soon());
    this.begin(2, async (signal) => {
      const found = await ask("GET", path, { signal });
      this.#showFacts(found);
      if (progressOf(found) !== this.#seen) this.#showResults(await outcomes(path, signal));
      this.#seen = progressOf(found);
    }, h("h2", {}, `Operation ${this.name}`), this.#facts.element, this.#results.element, this.#rest);
  }

  /** @param {import("../showing/table.js").Row} found */
  #showFacts(found) {
    this.#facts.show([
      ["action", actionOf(found)], ["progress", progressOf(found), () => bar(found)],
      ["requested", `${this.ago(found.requested_at)} by ${found.requested_by}`],
      ...factsOf(found, "reason"), ["timeout", inSeconds(found.timeout)],
      ["then off", found.then_off && "those still on after the timeout are switched off"],
      ["cancelled", found.cancelled_at && `${this.ago(found.cancelled_at)} by ${found.cancelled_by}`],
      ["actions", mayCancel(this, found), () => cancelling(this, found)],
    ]);
  }

  /** @param {import("./outcomes.js").Result[]} results */
  #showResults(results) {
    const left = results.length - MOST;
    this.#results.show(results.slice(0, MOST));
    setText(this.#rest, left > 0 ? `and ${left} more; see: podium operation show ${this.name}` : "");
  }
}

/** @param {import("./outcomes.js").Result} result */
function linked({ nodes, names }) {
  if (nodes.length > LONGEST) return h("span", {}, `${nodes.slice(0, LONGEST)}…`);
  const href = names.length > 1 ? link("fleet", "", { where: nodes }) : link("nodes", nodes);
  return h("a", { href }, nodes);
}

/** @param {string} path @param {AbortSignal} signal */
async function outcomes(path, signal) {
  const found = new Outcomes();
  for (let marker; marker !== null;) {
    const page = await ask("GET", `${path}/requests`, { query: { marker }, signal });
    found.add(page.items);
    marker = page.next;
  }
  return found.results();
}

customElements.define("podium-operation", PodiumOperation);
