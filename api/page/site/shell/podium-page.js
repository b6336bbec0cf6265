import { link } from '../core/address.js';
import { wordsOf } from '../core/api.js';
import { h, Part, setText } from '../core/elements.js';
import { MOST_LIVE } from '../core/stream.js';
import { pause } from '../core/waiting.js';
import './podium-login.js';
import '../conductors/podium-conductors.js';
import '../fleet/podium-fleet.js';
import '../node/podium-node.js';
import '../operations/podium-operation.js';
import '../operations/podium-operations.js';
import '../tasks/podium-tasks.js';

/**
 * The element and the title of each view, by the beginning of addresses: those that end with / precede a
 * name, which the element gets as its property `name`. Headings in views begin with h2: the h1 is here.
 * @type {Record<string, [element: string, title: string]>}
 */
const VIEWS = {
  fleet: ['podium-fleet', 'Fleet'],
  operations: ['podium-operations', 'Operations'],
  conductors: ['podium-conductors', 'Conductors'],
  tasks: ['podium-tasks', 'Tasks'],
  'nodes/': ['podium-node', ''],
  'operations/': ['podium-operation', 'Operation '],
};
const TABS = Object.entries(VIEWS).filter(([view]) => !view.endsWith('/'));

/** @type {Record<string, string>} */
const SEVERITIES = { live: 'fine', connecting: 'warning', waiting: 'warning', lost: 'critical' };
const WAITS = `This window waits: ${MOST_LIVE} others of this browser are live. Close or hide one of them.`;

/** The frame around all views: navigation, connection, user, and the view that the address names. */
class PodiumPage extends Part {
  /** The present view and what it shows; undefined before the first. @type {string | undefined} */
  #shownAt;
  #heading = h('h1', { class: 'hidden', tabindex: -1 });
  #main = h('main', { tabindex: -1 });
  /** The last address in the fleet view, with the filter. */
  #fleet = link('fleet');
  #tabs = TABS.map(([view, [, title]]) => h('a', { href: link(view) }, title));
  #who = h('div', { class: 'row who' });
  /** Whether what is shown is live: a word beside the navigation, or above everything if it is not. */
  #live = h('span', { class: 'live mark', role: 'status' });
  #notice = failed('');

  show() {
    const { page } = this;
    this.replaceChildren(
      h('button', { class: 'skip', onclick: () => this.#heading.focus() }, 'Skip to the content'),
      h('header', {}, h('a', { class: 'brand', href: link('fleet') }, 'Podium'),
        h('nav', { 'aria-label': 'Views' }, this.#tabs), this.#live, this.#who),
      this.#notice, this.#main);
    this.listen(page.session, 'change', () => this.#showSession());
    this.listen(page.address, 'change', () => this.#showView());
    this.soonAfter([page.stream, 'state'], [page.fleet, 'change'], [page.fleet, 'phase']);
    this.refresh();
    void this.#ask();
  }

  refresh() {
    const { stream: { state, since }, fleet: { failure } } = this.page;
    setText(this.#live, state);
    this.#live.dataset.severity = SEVERITIES[state];
    this.setAttribute('data-connection', state);
    const then = new Date(since).toLocaleTimeString();
    setText(this.#notice, state === 'waiting' ? WAITS
      : state === 'lost' ? `No connection to Podium since ${then}: what you see is from then. Trying again.`
      : failure && `The nodes cannot be listed: ${failure}. Trying again.`);
  }

  /** Load the session; retry until there is an answer. */
  async #ask() {
    const { session } = this.page;
    while (session.state === 'unknown' && !this.ends.signal.aborted) {
      const fault = await session.load().then(() => '', wordsOf);
      if (fault) this.#put('No answer', failed(`${fault}. Trying again.`));
      if (fault) await pause(2000, this.ends.signal);
    }
  }

  #showSession() {
    const { state, role, name, login } = this.page.session;
    this.toggleAttribute('data-inside', state === 'somebody' && role !== null);
    const onclick = () => this.#logOut();
    const logOut = h('button', { class: 'plain', 'data-action': 'log out', onclick }, 'Log out');
    const who = h('span', {}, name, h('span', { class: 'quiet' }, role && ` · ${role}`));
    this.#who.replaceChildren(...(state === 'somebody' && login ? [who, logOut] : []));
    this.#shownAt = undefined;
    this.#showView();
  }

  async #logOut() {
    const fault = await this.page.session.logOut().then(() => '', wordsOf);
    if (fault) this.#put('Not logged out', failed(`Not logged out: ${fault}`));
    else location.reload();  // so that nothing that was shown stays in the browser
  }

  #showView() {
    const { session, address } = this.page;
    if (session.state === 'unknown') return;
    if (session.state !== 'somebody') this.#put('Log in', h('podium-login', { page: this.page }));
    else if (session.role === null) this.#put('No role', noRole(session.name));
    else this.#showPlace(address.read());
  }

  /** @param {import('../core/address.js').Place} place */
  #showPlace({ view, name, query }) {
    if (view === 'fleet') this.#fleet = link(view, name, query);
    const at = link(view, name);
    if (at === this.#shownAt) return;
    const isFirst = this.#shownAt === undefined;
    this.#shownAt = at;
    const tab = link(view === 'nodes' ? 'fleet' : view);
    for (const one of this.#tabs) one.ariaCurrent = one.hash.split('?')[0] === tab ? 'page' : null;
    this.#tabs[0].href = view === 'fleet' ? link(view) : this.#fleet;
    const [element, title] = new Map(Object.entries(VIEWS)).get(name ? `${view}/` : view) ?? [];
    // Browsers take dots for steps within a path, even if they are encoded.
    const isOne = view === 'operations' ? /^\d{0,18}$/ : /^(?!\.{1,2}$)/;
    if (!element || !isOne.test(name)) this.#put('Not found', notFound());
    else this.#put(title + name, Object.assign(h(element, { page: this.page, class: 'view' }), { name }));
    if (isFirst) return;
    scrollTo(0, 0);
    this.#heading.focus({ preventScroll: true });
  }

  /** @param {string} title @param {HTMLElement} element */
  #put(title, element) {
    document.title = `${title} · Podium`;
    this.#heading.textContent = title;
    this.#main.replaceChildren(this.#heading, element);
  }
}

/** @param {string} text */
const failed = (text) => h('p', { class: 'fault', role: 'alert' }, text);

/** @param {string | null} name */
function noRole(name) {
  return h('section', { class: 'panel narrow' },
    h('h2', {}, `${name} has no role here`),
    h('p', {}, 'You are logged in, but may look at nothing. Ask those who run Podium to add you to readers,'
      + ' operators or admins of [api] in podium.conf and reload podium-api; then load this page again.'));
}

function notFound() {
  return h('section', { class: 'panel narrow' },
    h('h2', {}, 'There is nothing at this address'),
    h('p', {}, h('code', {}, location.hash), ' is no view of Podium. ',
      h('a', { href: link('fleet') }, 'Show the fleet'), '.'));
}

customElements.define('podium-page', PodiumPage);
