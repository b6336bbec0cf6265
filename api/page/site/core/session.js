import { ApiError, ask, onRefused } from "./api.js";

/**
 * @typedef {"reader" | "operator" | "admin"} Role
 * @typedef {object} Answer
 * @property {string | null} name
 * @property {Role | null} role
 * @property {boolean} login whether one can log in and out here
 * @property {string[]} ways to log in
 * @property {number} confirm_above for more nodes than this, a question is asked
 */

const PATH = "podium/v1/session";
const RANKS = ["reader", "operator", "admin"];

/** Who the person is for Podium, and what they may do. The event "change" comes when that changes. */
export class Session extends EventTarget {
  /** @type {Answer} */
  #answer = { name: null, role: null, login: false, ways: [], confirm_above: 0 };
  /** "ended": the person was somebody, until they were idle for too long or lost the right to be here.
   * @type {"unknown" | "nobody" | "somebody" | "ended"} */
  state = "unknown";

  constructor() {
    super();
    onRefused(() => {
      if (this.state === "somebody") this.#become("ended", { ...this.#answer, role: null });
    });
  }

  get name() { return this.#answer.name; }
  get role() { return this.#answer.role; }
  get login() { return this.#answer.login; }
  get ways() { return this.#answer.ways; }
  get confirm_above() { return this.#answer.confirm_above; }

  /** Whether the person may do what takes this role. @param {Role} role */
  may(role) {
    return this.state === "somebody" && this.role !== null && RANKS.indexOf(this.role) >= RANKS.indexOf(role);
  }

  /** Ask who the person is; raises what `ask` raises. */
  async load() {
    this.#take(await ask("GET", PATH));
  }

  /** @param {{name: string, password: string} | {token: string}} secret */
  async logIn(secret) {
    this.#take(await ask("POST", PATH, { body: secret }));
  }

  async logOut() {
    try {
      await ask("DELETE", PATH);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;  // it had ended already
    }
  }

  /** @param {Answer} answer */
  #take(answer) {
    this.#become(answer.name !== null || !answer.login ? "somebody" : "nobody", answer);
  }

  /** @param {Session["state"]} state @param {Answer} answer */
  #become(state, answer) {
    this.state = state;
    this.#answer = answer;
    this.dispatchEvent(new Event("change"));
  }
}
