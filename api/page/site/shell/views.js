/** The views of the page. Their headings begin with h2: the h1 is the shell's. */

/**
 * By the first word of the address: the element that shows all, and the one that shows what the address names
 * and has that as its property `name`.
 *
 * @type {Record<string, {title: string, element: string, one?: string}>}
 */
export const VIEWS = {
  fleet: { title: "Fleet", element: "podium-fleet" },
  nodes: { title: "Fleet", element: "podium-fleet", one: "podium-node" },
  operations: { title: "Operations", element: "podium-operations", one: "podium-operation" },
  conductors: { title: "Conductors", element: "podium-conductors" },
  tasks: { title: "Tasks", element: "podium-tasks" },
};

/** What the navigation leads to, and the views that belong to each. */
export const TABS = [
  { view: "fleet", of: ["fleet", "nodes"] },
  { view: "operations", of: ["operations"] },
  { view: "conductors", of: ["conductors"] },
  { view: "tasks", of: ["tasks"] },
];

/**
 * @param {import("../core/address.js").Place} place
 * @returns {{element: string, title: string} | null} null where there is no such view
 */
export function viewOf({ view, name }) {
  const found = Object.hasOwn(VIEWS, view) ? VIEWS[view] : undefined;
  if (!found) return null;
  if (!name) return { element: found.element, title: found.title };
  if (!found.one) return null;
  return { element: found.one, title: view === "nodes" ? name : `Operation ${name}` };
}
