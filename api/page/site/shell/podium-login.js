import { h, Part, wordsOf } from "../core/elements.js";

const WAYS = {
  password: [["name", "Name", "text", "username"], ["password", "Password", "password", "current-password"]],
  token: [["token", "Token", "password", "off"]],
};

/** Asks for a name and a password, or a token, which become a cookie that no script can read. */
class PodiumLogin extends Part {
  show() {
    const { session } = this.page;
    this.fault = h("p", { class: "fault", role: "alert", hidden: true });
    this.fields = h("div", { class: "fields" });
    this.button = h("button", { class: "primary", "data-action": "log in" }, "Log in");
    this.other = h("button", { type: "button", class: "plain", onclick: () => this.#ask(this.otherWay) });
    const ended = "Your session has ended. Log in to go on where you were.";
    this.replaceChildren(h("form", { class: "panel narrow" },
      h("h2", {}, "Log in to Podium"), session.state === "ended" && h("p", { class: "warning" }, ended),
      this.fault, this.fields, h("div", { class: "row" }, this.button, this.other)));
    this.listen(this, "submit", (event) => this.#send(event));
    this.#ask("password");
  }

  /** @param {"password" | "token"} way */
  #ask(way) {
    /** @type {"password" | "token"} */
    this.otherWay = way === "token" ? "password" : "token";
    const rules = { required: true, autocapitalize: "none", spellcheck: "false" };
    this.fields?.replaceChildren(...WAYS[way].map(([name, label, type, autocomplete]) =>
      h("label", {}, label, h("input", { name, type, autocomplete, ...rules }))));
    this.other?.replaceChildren(way === "token" ? "with name and password" : "with a token");
    this.querySelector("input")?.focus();
  }

  /** @param {SubmitEvent} event */
  async #send(event) {
    event.preventDefault();
    const { button, fault } = this;
    if (!button || !fault) return;
    const inputs = [...this.querySelectorAll("input")];
    button.disabled = true;
    fault.hidden = true;
    try {
      await this.page.session.load(Object.fromEntries(inputs.map(({ name, value }) => [name, value])));
    } catch (error) {
      fault.textContent = wordsOf(error);
      fault.hidden = false;
      inputs.at(-1)?.select();
    }
    button.disabled = false;
  }
}

customElements.define("podium-login", PodiumLogin);
