import { h, Part, setText } from "../core/elements.js";

/** @type {Record<string, string>} */
const SEVERITIES = { live: "fine", connecting: "warning", lost: "critical" };

const number = (/** @type {number} */ count) => count.toLocaleString("en");

/** Says whether what is shown is live: a word beside the navigation, and above everything when it is not. */
class PodiumConnection extends Part {
  /** Where the banner goes. */
  notice = h("div");
  #word = h("span", { class: "mark", role: "status" });
  #rest = h("span", { class: "quiet small" });

  show() {
    const { stream, fleet } = this.page;
    this.replaceChildren(this.#word, this.#rest);
    if (!stream) return;
    this.listen(stream, "state", () => this.refresh());
    for (const type of ["change", "phase"]) this.listen(fleet, type, () => this.soon());
    this.refresh();
  }

  refresh() {
    const { state, since } = this.page.stream;
    const { phase, failure, nodes, total } = this.page.fleet;
    setText(this.#word, state);
    this.#word.dataset.severity = SEVERITIES[state];
    const loading = phase === "loading" && total;
    setText(this.#rest, loading ? ` ${number(nodes.size)} of ${number(total)} nodes` : "");
    this.closest("podium-page")?.setAttribute("data-connection", state);
    if (state === "lost") this.#warn(`No connection to Podium since ${new Date(since).toLocaleTimeString()}: `
      + "what you see is from then. Trying again.");
    else this.#warn(failure && `The nodes cannot be listed: ${failure}. Trying again.`);
  }

  /** @param {string} text */
  #warn(text) {
    if (this.notice.textContent === text) return;
    this.notice.replaceChildren(...(text ? [h("p", { class: "fault", role: "alert" }, text)] : []));
  }
}

customElements.define("podium-connection", PodiumConnection);
