import { link } from "../core/address.js";
import { h, Part, wordsOf } from "../core/elements.js";
import "./podium-connection.js";
import "./podium-login.js";
import { TABS, VIEWS, viewOf } from "./views.js";

/** The frame around all views: navigation, connection, who one is, and the view that the address asks for. */
export class PodiumPage extends Part {
  /** The view in place and what it shows; undefined before the first. @type {string | undefined} */
  #shownAt;

  /** @param {import("../main.js").Page} page */
  begin(page) {
    this.page = page;
    this.heading = h("h1", { class: "hidden", tabindex: -1 });
    this.main = h("main", { tabindex: -1 });
    this.nav = h("nav", { "aria-label": "Views" });
    this.who = h("div", { class: "row who" });
    this.notice = h("div", { class: "notice" });
    const skip = h("button", { class: "skip", onclick: () => this.heading?.focus() }, "Skip to the content");
    const brand = h("a", { class: "brand", href: link("fleet") }, "Podium");
    const connection = h("podium-connection", { page, notice: this.notice });
    const head = h("header", {}, brand, this.nav, connection, this.who);
    this.replaceChildren(skip, head, this.notice, this.main);
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
        this.#put("No answer", h("p", { class: "fault", role: "alert" }, wordsOf(error), " Trying again."));
        await new Promise((resolve) => { setTimeout(resolve, 2000); });
      }
    }
  }

  #showSession() {
    const { session } = this.page;
    const inside = session.state === "somebody";
    this.toggleAttribute("data-inside", inside && session.role !== null);
    this.who?.replaceChildren(...this.#whoIs());
    this.#shownAt = undefined;
    this.#showView();
  }

  #whoIs() {
    const { session } = this.page;
    if (session.state !== "somebody" || !session.login) return [];
    return [
      h("span", {}, session.name, h("span", { class: "quiet" }, session.role && ` · ${session.role}`)),
      h("button", { class: "plain", "data-action": "log out", onclick: () => this.#logOut() }, "Log out"),
    ];
  }

  async #logOut() {
    try {
      await this.page.session.logOut();
      location.reload();  // so that nothing of what was shown stays in the browser
    } catch (error) {
      const words = `Not logged out: ${wordsOf(error)}`;
      this.notice?.replaceChildren(h("p", { class: "fault", role: "alert" }, words));
    }
  }

  #showView() {
    const { session, address } = this.page;
    if (session.state === "unknown") return;
    if (session.state !== "somebody") {
      this.#put("Log in", h("podium-login", { page: this.page }));
      return;
    }
    if (session.role === null) {
      this.#put("No role", this.#noRole());
      return;
    }
    const place = address.read();
    const at = link(place.view, place.name);
    if (at === this.#shownAt) return;
    const isFirst = this.#shownAt === undefined;
    this.#shownAt = at;
    const view = viewOf(place);
    this.#showTabs(place.view);
    if (view) this.#put(view.title, h(view.element, { page: this.page, class: "view" }), place.name);
    else this.#put("Not found", this.#notFound());
    if (!isFirst) {
      scrollTo(0, 0);
      this.heading?.focus({ preventScroll: true });
    }
  }

  /** @param {string} current */
  #showTabs(current) {
    this.nav?.replaceChildren(...TABS.map(({ view, of }) => {
      const here = of.includes(current) ? "page" : null;
      return h("a", { href: link(view), "aria-current": here }, VIEWS[view].title);
    }));
  }

  /**
   * @param {string} title
   * @param {HTMLElement} element
   * @param {string} [name]
   */
  #put(title, element, name = "") {
    if (!this.heading) return;
    document.title = `${title} · Podium`;
    this.heading.textContent = title;
    /** @type {any} */ (element).name = name;
    this.main?.replaceChildren(this.heading, element);
  }

  #noRole() {
    const { session } = this.page;
    return h("section", { class: "panel narrow" },
      h("h2", {}, `${session.name} has no role here`),
      h("p", {}, "You are logged in, but may look at nothing. Ask those who run Podium to add you to ",
        h("code", {}, "readers"), ", ", h("code", {}, "operators"), " or ", h("code", {}, "admins"), " of ",
        h("code", {}, "[api]"), " in podium.conf, and then load this page again."));
  }

  #notFound() {
    return h("section", { class: "panel narrow" },
      h("h2", {}, "There is nothing at this address"),
      h("p", {}, h("code", {}, location.hash), " is no view of Podium. ",
        h("a", { href: link("fleet") }, "Show the fleet"), "."));
  }
}

customElements.define("podium-page", PodiumPage);
