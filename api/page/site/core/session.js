import { ApiError, ask, onRefused } from "./api.js";

/**
 * `login`: whether one can log in and out here; `confirm_above`: more nodes than this are asked about
 *
 * @typedef {"reader" | "operator" | "admin"} Role
 * @typedef {{name: string | null, role: Role | null, login: boolean, confirm_above: number}} Answer
 */

const PATH = "podium/v1/session";
const RANKS = ["reader", "operator", "admin"];

/** Who the person is for Podium, and what they may do. The event "change" comes when that changes. */
export class Session extends EventTarget {
  /** @type {Answer} */
  #answer = { name: null, role: null, login: false, confirm_above: 0 };
  /** "ended": the person was somebody, until they were idle for too long or lost the right to be here.
   * @type {"unknown" | "nobody" | "somebody" | "ended"} */
  state = "unknown";

  constructor() {
    super();
    onRefused(async () => {
      if (this.state !== "somebody") return;
      // What was asked before a login can be refused after it, and says nothing of the new session.
      const answer = await ask("GET", PATH).catch(() => this.#answer);
      if (answer.name === null && answer.login && this.state === "somebody") this.#become("ended", answer);
    });
  }

  get name() { return this.#answer.name; }
  get role() { return this.#answer.role; }
  get login() { return this.#answer.login; }
  get confirm_above() { return this.#answer.confirm_above; }

  /** Whether the person may do what takes this role. @param {Role} role */
  may(role) {
    return this.state === "somebody" && this.role !== null && RANKS.indexOf(this.role) >= RANKS.indexOf(role);
  }

  /** Ask who the person is, or log in. @param {Record<string, string>} [secret] name, password; or token */
  async load(secret) {
    const answer = /** @type {Answer} */ (await ask(secret ? "POST" : "GET", PATH, { body: secret }));
    this.#become(answer.name !== null || !answer.login ? "somebody" : "nobody", answer);
  }

  async logOut() {
    try {
      await ask("DELETE", PATH);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;  // it had ended already
    }
  }

  /** @param {Session["state"]} state @param {Answer} answer */
  #become(state, answer) {
    if (state === this.state && JSON.stringify(answer) === JSON.stringify(this.#answer)) return;
    this.state = state;
    this.#answer = answer;
    this.dispatchEvent(new Event("change"));
  }
}
