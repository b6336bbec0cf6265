import { h, Part, setText } from "../core/elements.js";

/** @type {Record<string, string>} */
const SEVERITIES = { live: "fine", connecting: "warning", lost: "critical" };

/** Says whether what is shown is live: a word beside the navigation, and above everything when it is not. */
class PodiumConnection extends Part {
  constructor() {
    super();
    /** Where the banner goes. @type {HTMLElement} */
    this.notice = h("div");
  }

  show() {
    this.word = h("span", { class: "mark", role: "status" });
    this.rest = h("span", { class: "quiet small" });
    this.replaceChildren(this.word, this.rest);
    const { stream, fleet } = this.page;
    if (!stream) return;
    this.listen(stream, "state", () => this.soon());
    this.listen(fleet, "change", () => this.soon());
    this.refresh();
  }

  refresh() {
    const { stream, fleet } = this.page;
    if (!this.word || !this.rest) return;
    setText(this.word, stream.state);
    this.word.dataset.severity = SEVERITIES[stream.state];
    const loading = fleet.phase === "loading" && stream.state !== "lost";
    setText(this.rest, loading ? ` ${fleet.nodes.size} of ${fleet.total}` : "");
    this.closest("podium-page")?.setAttribute("data-connection", stream.state);
    const since = new Date(stream.since).toLocaleTimeString();
    const banner = h("p", { class: "fault", role: "alert" },
      `No connection to Podium since ${since}: what you see is of then, and may have changed. Trying again.`);
    this.notice.replaceChildren(...(stream.state === "lost" ? [banner] : []));
  }
}

customElements.define("podium-connection", PodiumConnection);
