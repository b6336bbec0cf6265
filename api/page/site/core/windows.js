// How many windows of one browser look at the page. Over HTTP/1.1 it has six connections to a host, and a
// stream keeps one: with six streams nothing else can be asked any more.

/** Windows that may keep their streams; the other connections are for requests. */
const MOST = 4;
/** Milliseconds after which a window is gone that has not been heard. */
const GONE = 10_000;

/** The windows that say that they look. */
export class Windows {
  #id = Math.random();
  #channel = new BroadcastChannel('podium windows');
  /** When each other was last heard. @type {Map<number, number>} */
  #heard = new Map();

  constructor() {
    this.#channel.addEventListener('message', ({ data }) => this.#heard.set(data, Date.now()));
  }

  /** Whether their streams have to take turns. */
  get areMany() {
    for (const [id, at] of this.#heard) if (Date.now() - at > GONE) this.#heard.delete(id);
    return this.#heard.size >= MOST;
  }

  /** Say that this one looks. */
  tell() { this.#channel.postMessage(this.#id); }
}
