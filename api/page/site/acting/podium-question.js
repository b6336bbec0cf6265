import { h, Part, setText, wordsOf } from "../core/elements.js";

/**
 * @typedef {{reason: string | null, option: boolean, confirmed: boolean}} Answer confirmed: by a typed number
 * @typedef {object} Question
 * @property {string} title the question itself, such as `Switch 40 nodes off?`
 * @property {string} action of the button that agrees, and its `data-action`
 * @property {boolean} [loud] whether it takes something from people who may be using it
 * @property {string[]} [lines] what will happen, and to what
 * @property {string[]} [warnings]
 * @property {boolean} [reason] whether to ask for a reason
 * @property {string} [option] the label of something that can be wanted too
 * @property {number} [count] to be typed, so that nobody agrees by habit
 * @property {(answer: Answer, key: string) => Promise<any>} work does it; the key is the same where the same
 *     is asked again because no answer came
 */

/** A question before something is done. What goes wrong is said here, and nothing that was typed is lost. */
class PodiumQuestion extends Part {
  /** @type {Question} */ question = { title: "", action: "", work: async () => null };
  /** @type {(found: any) => void} */ answered = () => {};
  #dialog = h("dialog", { "aria-labelledby": "podium-question" });
  #fault = h("p", { class: "fault", role: "alert", hidden: true });
  #reason = h("input", { name: "reason", maxlength: 1000, autocomplete: "off" });
  #option = h("input", { name: "option", type: "checkbox" });
  #count = h("input", { name: "count", inputmode: "numeric", autocomplete: "off" });
  #typed = h("label", { hidden: true });
  /** @type {any} */ #found = null;
  #isBusy = false;
  #asked = "";
  #key = "";

  show() {
    const { title, action, loud, lines = [], warnings = [], reason, option, count } = this.question;
    const close = () => this.#dialog.close();
    const form = h("form", { method: "dialog" }, h("h2", { id: "podium-question" }, title),
      lines.map((line) => h("p", {}, line)),
      h("ul", { class: "warning", hidden: !warnings.length }, warnings.map((line) => h("li", {}, line))),
      reason && h("label", {}, "Reason", this.#reason), option && h("label", {}, this.#option, option),
      this.#typed, this.#fault, h("div", { class: "row" },
        h("button", { class: loud ? "loud" : "primary", "data-action": action }, action),
        h("button", { type: "button", "data-action": "close", onclick: close }, "Cancel")));
    if (count !== undefined) this.#askFor(count);
    this.listen(form, "submit", (event) => {
      event.preventDefault();
      if (!this.#isBusy) void this.#carryOut();
    });
    this.listen(this.#dialog, "cancel", (event) => this.#isBusy && event.preventDefault());
    this.listen(this.#dialog, "close", () => this.#isIn && this.remove());
    this.listen(this.page.session, "change", () => this.#makeRoom());
    this.#dialog.append(form);
    this.append(this.#dialog);
    this.#makeRoom();
    /** @type {HTMLElement | null} */ (form.querySelector("label:not([hidden]) input"))?.focus();
  }

  /** @override */
  disconnectedCallback() {
    super.disconnectedCallback();
    this.answered(this.#found);
  }

  get #isIn() {
    return this.page.session.state === "somebody";
  }

  /** Where the session has ended, wait until the person has logged in again. */
  #makeRoom() {
    if (!this.#isIn) this.#dialog.close();
    else if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** @param {number} count */
  #askFor(count) {
    const pattern = `\\s*(${count}|${count.toLocaleString("en")})\\s*`;
    Object.assign(this.#count, { pattern, required: true, title: `${count}, the number of nodes` });
    this.#typed.replaceChildren(h("span", {}, "Type ", h("strong", {}, count), " to go on"), this.#count);
    this.#typed.hidden = false;
  }

  async #carryOut() {
    const reason = this.#reason.value.trim() || null;
    const answer = { reason, option: this.#option.checked, confirmed: this.#count.required };
    const asked = JSON.stringify(answer);
    if (asked !== this.#asked) this.#key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    [this.#asked, this.#isBusy, this.#fault.hidden, this.#dialog.ariaBusy] = [asked, true, true, "true"];
    try {
      this.#found = await this.question.work(answer, this.#key);
      this.#dialog.close();
    } catch (error) {
      const { status, nodes } = /** @type {Partial<import("../core/api.js").ApiError>} */ (error);
      if (status) this.#asked = ""; // it was answered: what comes next is another request
      if (nodes !== undefined) this.#askFor(nodes);
      setText(this.#fault, wordsOf(error));
      this.#fault.hidden = status === 401;
    }
    [this.#isBusy, this.#dialog.ariaBusy] = [false, "false"];
  }
}

/**
 * Ask the person a question, and do what it is about.
 *
 * @param {import("../main.js").Page} page @param {Question} question
 * @returns {Promise<any>} what its work returned; null where the person thought better of it
 */
export function askPerson(page, question) {
  return new Promise((answered) => {
    document.body.append(Object.assign(h("podium-question"), { page, question, answered }));
  });
}

customElements.define("podium-question", PodiumQuestion);
