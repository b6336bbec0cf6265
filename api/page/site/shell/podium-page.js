import { link } from "../core/address.js";
import { h, Part, wordsOf } from "../core/elements.js";
import "./podium-connection.js";
import "./podium-login.js";
import { VIEWS, viewOf } from "./views.js";

/** The frame around all views: navigation, connection, who one is, and the view that the address asks for. */
export class PodiumPage extends Part {
  /** The view in place and what it shows; undefined before the first. @type {string | undefined} */
  #shownAt;
  #heading = h("h1", { class: "hidden", tabindex: -1 });
  #main = h("main", { tabindex: -1 });
  #nav = h("nav", { "aria-label": "Views" });
  #who = h("div", { class: "row who" });
  #notice = h("div", { class: "notice" });

  /** @param {import("../main.js").Page} page */
  begin(page) {
    this.page = page;
    const skip = h("button", { class: "skip", onclick: () => this.#heading.focus() }, "Skip to the content");
    const brand = h("a", { class: "brand", href: link("fleet") }, "Podium");
    const connection = h("podium-connection", { page, notice: this.#notice });
    const head = h("header", {}, brand, this.#nav, connection, this.#who);
    this.replaceChildren(skip, head, this.#notice, this.#main);
    this.listen(page.session, "change", () => this.#showSession());
    this.listen(page.address, "change", () => this.#showView());
    void this.#ask();
  }

  /** Find out who asks; without an answer, again and again. */
  async #ask() {
    const { session } = this.page;
    while (session.state === "unknown" && !this.ends.signal.aborted) {
      try {
        await session.load();
      } catch (error) {
        this.#put("No answer", h("p", { class: "fault", role: "alert" }, wordsOf(error), ". Trying again."));
        await new Promise((resolve) => { setTimeout(resolve, 2000); });
      }
    }
  }

  #showSession() {
    const { state, role, name, login } = this.page.session;
    this.toggleAttribute("data-inside", state === "somebody" && role !== null);
    const logOut = { class: "plain", "data-action": "log out", onclick: () => this.#logOut() };
    const who = h("span", {}, name, h("span", { class: "quiet" }, role && ` · ${role}`));
    const canLeave = state === "somebody" && login;
    this.#who.replaceChildren(...(canLeave ? [who, h("button", logOut, "Log out")] : []));
    this.#shownAt = undefined;
    this.#showView();
  }

  async #logOut() {
    try {
      await this.page.session.logOut();
      location.reload();  // so that nothing of what was shown stays in the browser
    } catch (error) {
      const words = `Not logged out: ${wordsOf(error)}`;
      this.#notice.replaceChildren(h("p", { class: "fault", role: "alert" }, words));
    }
  }

  #showView() {
    const { session, address } = this.page;
    if (session.state === "unknown") return;
    if (session.state !== "somebody") this.#put("Log in", h("podium-login", { page: this.page }));
    else if (session.role === null) this.#put("No role", noRole(session.name));
    else this.#showPlace(address.read());
  }

  /** @param {import("../core/address.js").Place} place */
  #showPlace(place) {
    const at = link(place.view, place.name);
    if (at === this.#shownAt) return;
    const isFirst = this.#shownAt === undefined;
    this.#shownAt = at;
    this.#showTabs(VIEWS[place.view]?.tab ?? place.view);
    const view = viewOf(place);
    if (view) {
      const element = h(view.element, { page: this.page, class: "view" });
      this.#put(view.title, Object.assign(element, { name: place.name }));
    } else this.#put("Not found", notFound());
    if (!isFirst) {
      scrollTo(0, 0);
      this.#heading.focus({ preventScroll: true });
    }
  }

  /** @param {string} current */
  #showTabs(current) {
    const tabs = Object.entries(VIEWS).filter(([, { tab }]) => !tab);
    this.#nav.replaceChildren(...tabs.map(([view, { title }]) =>
      h("a", { href: link(view), "aria-current": view === current ? "page" : null }, title)));
  }

  /** @param {string} title @param {HTMLElement} element */
  #put(title, element) {
    document.title = `${title} · Podium`;
    this.#heading.textContent = title;
    this.#main.replaceChildren(this.#heading, element);
  }
}

/** @param {string | null} name */
function noRole(name) {
  return h("section", { class: "panel narrow" },
    h("h2", {}, `${name} has no role here`),
    h("p", {}, "You are logged in, but may look at nothing. Ask those who run Podium to add you to ",
      h("code", {}, "readers"), ", ", h("code", {}, "operators"), " or ", h("code", {}, "admins"),
      " of ", h("code", {}, "[api]"), " in podium.conf, and then load this page again."));
}

function notFound() {
  return h("section", { class: "panel narrow" },
    h("h2", {}, "There is nothing at this address"),
    h("p", {}, h("code", {}, location.hash), " is no view of Podium. ",
      h("a", { href: link("fleet") }, "Show the fleet"), "."));
}

customElements.define("podium-page", PodiumPage);
