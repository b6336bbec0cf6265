// Runs in the page before its own scripts, and notes when what a person sees of the fleet changes, and how long
// the browser could do nothing else. Times are milliseconds since the request for the page.
globalThis.probe = { rows: [], counts: [], tasks: [] };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) globalThis.probe.tasks.push([task.startTime, task.duration]);
}).observe({ type: "longtask", buffered: true });

const note = (into, value) => {
  if (value !== undefined && value !== into.at(-1)?.[1]) into.push([performance.now(), value]);
};

const look = () => {
  const grid = document.querySelector("[aria-rowcount]");
  note(globalThis.probe.rows, grid ? Number(grid.getAttribute("aria-rowcount")) : undefined);
  note(globalThis.probe.counts, document.querySelector("podium-counts")?.textContent);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
