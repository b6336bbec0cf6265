/**
 * The views of the page, by the first word of the address: the element that shows all, and the one that shows
 * what the address names and has that as its property `name`. Headings begin with h2: the h1 is the shell's.
 *
 * @type {Record<string, {title: string, all: string, one?: string, tab?: string}>}
 */
export const VIEWS = {
  fleet: { title: "Fleet", all: "podium-fleet" },
  nodes: { title: "Fleet", all: "podium-fleet", one: "podium-node", tab: "fleet" },
  operations: { title: "Operations", all: "podium-operations", one: "podium-operation" },
  conductors: { title: "Conductors", all: "podium-conductors" },
  tasks: { title: "Tasks", all: "podium-tasks" },
};

/** @param {import("../core/address.js").Place} place @returns null where nothing is at this address */
export function viewOf({ view, name }) {
  const found = Object.hasOwn(VIEWS, view) ? VIEWS[view] : undefined;
  const element = name ? found?.one : found?.all;
  // Browsers take dots for steps within a path, even where they are encoded.
  const isOne = view === "operations" ? /^\d{0,18}$/ : /^(?!\.{1,2}$)/;
  if (!found || !element || !isOne.test(name)) return null;
  return { element, title: !name ? found.title : view === "nodes" ? name : `Operation ${name}` };
}
