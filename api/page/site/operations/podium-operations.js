/**
 * The newest operations, and how far they are.
 *
 * @typedef {import("../showing/table.js").Row} Row here an operation
 */
import { link } from "../core/address.js";
import { ask } from "../core/api.js";
import { h, setText } from "../core/elements.js";
import { Table } from "../showing/table.js";
import { View } from "../showing/view.js";

const SHOWN = 50;
const WORDS = {
  held: "waiting for canaries", waiting: "not begun", begun: "under way", failed: "failed",
  cancelled: "cancelled", replaced: "replaced",
};

/** @param {Row} one @returns {string} how far it is, in words */
export function progressOf(one) {
  const rest = Object.entries(WORDS).map(([state, words]) => one[state] && `, ${one[state]} ${words}`);
  return `${one.done} of ${one.nodes} done${rest.filter(Boolean).join("")}`;
}

/** Return what shows how far an operation is. @param {Row} one */
export function bar(one) {
  const value = one.nodes - one.held - one.waiting - one.begun;
  const shown = h("progress", { max: one.nodes, value, "aria-label": `progress of operation ${one.id}` });
  return h("span", {}, shown, ` ${progressOf(one)}`);
}

/** @param {Row} one */
export const actionOf = ({ action, what }) => (what ? `${action}, ${what}` : action);

/** @param {View} view @param {Row} one */
export const mayCancel = (view, one) => view.page.session.may("operator") && one.held + one.waiting > 0;

/** Return a button that cancels what has not begun. @param {View} view @param {Row} one */
export function cancelling(view, { id }) {
  return view.button("cancel", `operation ${id}`, async () => {
    const found = await ask("POST", `podium/v1/operations/${id}/cancel`, { body: {} });
    const rest = `${found.under_way} under way, ${found.ended} had ended`;
    return `operation ${id}: ${found.cancelled} cancelled, ${rest}`;
  });
}

/** The list of operations, the newest first. */
export class PodiumOperations extends View {
  show() {
    let limit = SHOWN;
    const table = new Table("Operations, the newest first", [
      ["id", ({ id }) => id, ({ id }) => h("a", { href: link("operations", id) }, id)],
      ["action", actionOf], ["progress", progressOf, bar], ["requested", (one) => this.ago(one.requested_at)],
      "requested_by", "reason", ["actions", (one) => mayCancel(this, one), (one) => cancelling(this, one)],
    ], ({ id }) => id);
    const note = h("p", {}, "Loading the operations…");
    const onclick = () => { limit += SHOWN; this.soon(); };
    const more = h("button", { hidden: true, onclick }, "Show more");
    this.listen(this.page.fleet, "operation", () => this.soon());
    this.begin(5, async (signal) => {
      const { items, next } = await ask("GET", "podium/v1/operations", { query: { limit }, signal });
      table.show(items);
      setText(note, items.length ? "" : "Nothing was requested yet.");
      more.hidden = !next;
    }, note, table.element, more);
  }
}

customElements.define("podium-operations", PodiumOperations);
