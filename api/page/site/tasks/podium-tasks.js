/**
 * Periodic tasks: how they fare, and what can be asked of them.
 *
 * @typedef {import("../showing/table.js").Row} Row here a task of a conductor
 * @typedef {"run" | "enable" | "disable"} Action
 */
import { ask } from "../core/api.js";
import { h, setText } from "../core/elements.js";
import { natural } from "../core/natural.js";
import { Table, inSeconds } from "../showing/table.js";
import { View, marked } from "../showing/view.js";

/** The places of states in the list, and how bad they are. @type {Record<string, [number, string]>} */
const STATES = {
  failing: [0, "critical"], late: [1, "warning"], slowed: [2, "warning"], disabled: [4, ""], offline: [5, ""],
};
/** Seconds for which an answer is waited for. */
const PATIENCE = { run: 300, enable: 30, disable: 30 };

/** All tasks of all conductors: failing ones first, then late ones. */
export class PodiumTasks extends View {
  show() {
    const note = h("p", {}, "Loading the tasks…");
    const table = new Table("Periodic tasks, failing and late ones first", [
      "task", "conductor",
      ["state", ({ state }) => state, ({ state }) => marked("severity", rankOf(state)[1], state)],
      ["every", (one) => inSeconds(one.spacing)], ["last run", (one) => this.ago(one.last_run)],
      ["took", (one) => inSeconds(one.duration)],
      "runs", "failures", "skipped", "deadline_misses", "last_error",
      ["actions", (one) => this.#actions(one), (one) => h("span", { class: "row" }, this.#buttons(one))],
    ], keyOf, ({ task, conductor }) => ({ task, conductor }));
    this.begin(5, async (signal) => {
      const { items } = await ask("GET", "podium/v1/tasks", { signal });
      table.show(items.sort(byUrgency));
      setText(note, items.length ? "" : "No conductor has tasks yet.");
    }, note, table.element);
  }

  /** @param {Row} one @returns {Action[]} what may be asked of it */
  #actions({ state }) {
    const { session } = this.page;
    if (state === "offline" || !session.may("operator")) return [];
    return session.may("admin") ? ["run", state.endsWith("disabled") ? "enable" : "disable"] : ["run"];
  }

  /** @param {Row} one */
  #buttons(one) {
    const about = `${one.task} on ${one.conductor}`;
    return this.#actions(one).map((action) => this.button(action, about, async () => {
      this.say(`${about}: ${action} was requested`);
      return `${about}: ${await answered(action, one, this.ends.signal)}`;
    }));
  }
}

/** @param {string} state such as `late, disabled` @returns {[number, string]} */
const rankOf = (state) => STATES[state.split(", ")[0]] ?? [3, "fine"];

/** @param {Row} one */
const keyOf = ({ task, conductor }) => `${natural(task)} ${natural(conductor)}`;

/** Sorts tasks so that people see first what they have to look at. @param {Row} one @param {Row} other */
export const byUrgency = (one, other) =>
  rankOf(one.state)[0] - rankOf(other.state)[0] || (keyOf(one) < keyOf(other) ? -1 : 1);

/**
 * Ask a conductor for something about one of its tasks, and return its answer, in the words of `podium task`.
 * @param {Action} action
 * @param {Row} one
 * @param {AbortSignal} signal ends the waiting, not what was asked for
 */
async function answered(action, { task, conductor }, signal) {
  const path = `podium/v1/tasks/${encodeURIComponent(task)}/${action}`;
  const { commands: asked, changed } = await ask("POST", path, { body: { conductor } });
  const numbers = Object.values(asked).flat();
  for (let second = 0; second < PATIENCE[action]; second += 1) {
    const { commands, conductors } = await ask("GET", "podium/v1/commands", { query: { numbers }, signal });
    const isOver = (/** @type {Row} */ { finished_at: at }) => at;
    if (commands.every(isOver)) return outcome(commands, action, changed);
    if (!conductors.every((/** @type {Row} */ one) => one.online)) {
      throw new Error(`failed: the conductor ${conductor} ended before it answered`);
    }
    await new Promise((go) => { setTimeout(go, 1000); });
  }
  throw new Error(`not finished after ${PATIENCE[action]} s`);
}

/** @param {Row[]} commands to a conductor's workers @param {Action} action @param {boolean} hasChanged */
function outcome(commands, action, hasChanged) {
  const error = commands.find((one) => one.error)?.error;
  if (error) throw new Error(error.startsWith("failed for ") ? error : `failed: ${error}`);
  if (action !== "run") return `${action}d${hasChanged ? "" : " already"}`;
  return `done in ${Math.max(0, ...commands.map((one) => one.duration ?? 0)).toFixed(1)} s`;
}

customElements.define("podium-tasks", PodiumTasks);
