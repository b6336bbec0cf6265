/**
 * Starts the page: makes one of each of what its parts share, and follows the fleet for those who may see it.
 *
 * @typedef {object} Page what the parts share, as their property `page`
 * @property {Session} session
 * @property {Address} address
 * @property {any} status
 * @property {any} stream
 * @property {any} fleet
 * @property {any} shown
 * @property {any} choice
 */
import { Address } from "./core/address.js";
import { watchInput } from "./core/api.js";
import { Session } from "./core/session.js";
import { PodiumPage } from "./shell/podium-page.js";

const known = async (/** @type {string} */ path) => import(`./${path}.js`).catch(() => ({}));
const [{ Fleet }, { Status }, { Stream }, { Choice }, { Shown }] = await Promise.all([
  "core/fleet", "core/status", "core/stream", "fleet/choice", "selection/shown",
  "conductors/podium-conductors", "fleet/podium-fleet", "node/podium-node", "operations/podium-operation",
  "operations/podium-operations", "tasks/podium-tasks",
].map(known));

const session = new Session();
const status = Status && new Status();
const stream = Stream && new Stream(status);
const fleet = Fleet && new Fleet(stream, status);
const shown = Shown && new Shown(fleet);
const choice = Choice && new Choice(fleet);
/** @type {Page} */
const page = { session, address: new Address(), status, stream, fleet, shown, choice };

session.addEventListener("change", () => {
  if (!fleet) return;
  for (const part of [status, stream]) part[session.may("reader") ? "start" : "stop"]();
  if (!session.may("reader")) fleet.clear();  // nothing of what was shown stays in the browser
});
watchInput(document);
const shell = document.querySelector("podium-page");
if (shell instanceof PodiumPage) shell.begin(page);
