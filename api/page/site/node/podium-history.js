/** What happened to the power of a node, the newest first: when, why, and by whom. */
import { link } from "../core/address.js";
import { ask } from "../core/api.js";
import { h } from "../core/elements.js";
import { Table } from "../showing/table.js";
import { View, marked } from "../showing/view.js";

const SHOWN = 50;
/** What somebody should know of, and what somebody has to look at. @type {Record<string, string>} */
const SEVERITY = { "out-of-band": "warning", "failed request": "critical", fault: "critical" };

/** @param {import("../showing/table.js").Row} event */
const operation = ({ operation_id: id }) => h("a", { href: link("operations", id) }, id);

/** Return no events of a node that is not there, which the rest of the page says. @param {any} fault */
function nothing(fault) {
  if (fault.status === 404) return [];
  throw fault;
}

/** The history of the node `name`. */
export class PodiumHistory extends View {
  show() {
    let most = SHOWN;
    const path = `podium/v1/nodes/${encodeURIComponent(this.name)}/history`;
    const table = new Table("History, the newest first", [
      ["when", ({ at }) => this.ago(at), ({ at }) => h("time", { datetime: at, title: at }, this.ago(at))],
      ["change", (one) => [one.from_state, one.to_state].filter(Boolean).join(" → ")],
      ["cause", ({ cause }) => cause, ({ cause }) => marked("severity", SEVERITY[cause] ?? "fine", cause)],
      ["who", (one) => one.who ?? (one.conductor && `conductor ${one.conductor}`)], "reason",
      ["operation", (one) => one.operation_id, operation],
    ], ({ id }) => id);
    const onclick = () => { most += SHOWN; this.soon(); };
    const more = h("button", { hidden: true, onclick }, "Show more");
    this.listen(this.page.fleet, "event", ({ detail }) => {
      if (detail.event.node_name === this.name) this.soon();
    });
    this.begin(20, async (signal) => {
      const query = { newest: most + 1, limit: most + 1 };
      const items = await ask("GET", path, { query, signal }).then((found) => found.items, nothing);
      more.hidden = items.length <= most;
      table.show(items.reverse().slice(0, most));
    }, table.element, more);
  }
}

customElements.define("podium-history", PodiumHistory);
