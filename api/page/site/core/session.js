import { ask, askAs, idle, refusals } from './api.js';

/**
 * `login`: whether people can log in and out here; `idle_timeout`: seconds without input after which a
 * session is over; `confirm_above`: actions on more nodes than this need a confirmation
 *
 * @typedef {'reader' | 'operator' | 'admin'} Role
 * @typedef {{name: string | null, role: Role | null, login: boolean, idle_timeout: number,
 *   confirm_above: number}} Answer
 */

const PATH = 'podium/v1/session';
const RANKS = ['reader', 'operator', 'admin'];
/** Milliseconds between checks whether the person is idle, and seconds that their answers may take. */
const EVERY = 5000;
const PATIENCE = 5;

/** The person's name and role. The event 'change' comes when they change. */
export class Session extends EventTarget {
  /** @type {Answer} */
  #answer = { name: null, role: null, login: false, idle_timeout: Infinity, confirm_above: 0 };
  /** 'ended': the person was logged in, until they were idle for too long or lost their rights.
   * @type {'unknown' | 'nobody' | 'somebody' | 'ended'} */
  state = 'unknown';
  /** The number of requests, and the number of the newest answer: answers may come in another order. */
  #asked = 0;
  #newest = 0;
  /** The browser's other windows, which share the cookie. */
  #others = new BroadcastChannel('podium session');

  constructor() {
    super();
    const look = () => void this.#look();
    refusals.addEventListener('refused', look);
    this.#others.addEventListener('message', look);
    document.addEventListener('visibilitychange', look);
    setInterval(() => void (this.#isIdle && this.#look()), EVERY);
  }

  get name() { return this.#answer.name; }
  get role() { return this.#answer.role; }
  get login() { return this.#answer.login; }
  get confirm_above() { return this.#answer.confirm_above; }
  get #isIdle() { return this.state === 'somebody' && this.login && idle() > this.#answer.idle_timeout; }

  /** Whether the person has this role or a higher one. @param {Role} role */
  may(role) {
    return this.state === 'somebody' && this.role !== null && RANKS.indexOf(this.role) >= RANKS.indexOf(role);
  }

  /** Load the session, or log in. @param {Record<string, string>} [secret] name, password; or token */
  async load(secret) {
    const asked = ++this.#asked;
    const options = secret ? { body: secret } : { seconds: PATIENCE };
    const answer = await ask(secret ? 'POST' : 'GET', PATH, options);
    // Answers to requests from before the login do not describe the new session.
    this.#take(answer, secret ? ++this.#asked : asked);
    if (secret) this.#others.postMessage('login');
  }

  async logOut() {
    await ask('DELETE', PATH).catch((error) => {
      if (error.status !== 401) throw error;  // it had ended already
    });
    this.#others.postMessage('logout');
  }

  /** Load the session again; it ends for a person who is idle for too long, even without an answer. */
  async #look() {
    await this.load().catch(() => {
      if (this.#isIdle) this.#take({ ...this.#answer, name: null }, ++this.#asked);
    });
  }

  /** @param {Answer} answer @param {number} asked */
  #take(answer, asked) {
    if (asked < this.#newest) return;
    this.#newest = asked;
    // Another person must not see what the previous one saw and began.
    if (this.state === 'somebody' && answer.name !== this.name) {
      this.#become('ended', { ...answer, name: null, role: null });
    }
    if (answer.name !== null || !answer.login) this.#become('somebody', answer);
    else if (this.state !== 'ended') this.#become('nobody', answer);
  }

  /** @param {Session['state']} state @param {Answer} answer */
  #become(state, answer) {
    if (state === this.state && JSON.stringify(answer) === JSON.stringify(this.#answer)) return;
    this.state = state;
    this.#answer = answer;
    askAs(answer.name);
    this.dispatchEvent(new Event('change'));
  }
}
