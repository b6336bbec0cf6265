/**
 * Starts the page: makes one of each of what its parts share, and begins to load once it is known who asks.
 *
 * @typedef {object} Page what the parts share, as their property `page`
 * @property {Session} session
 * @property {Address} address
 * @property {any} stream
 * @property {any} fleet
 * @property {any} status
 * @property {any} shown
 * @property {any} choice
 */
import { Address } from "./core/address.js";
import { Session } from "./core/session.js";
import { PodiumPage } from "./shell/podium-page.js";

const ROOMS = [
  "selection/podium-filter", "fleet/podium-fleet", "node/podium-node", "operations/podium-operations",
  "operations/podium-operation", "conductors/podium-conductors", "tasks/podium-tasks",
];
await Promise.allSettled(ROOMS.map((room) => import(`./${room}.js`)));
const waiting = { stream: null, fleet: null, status: null, shown: null, choice: null };
/** @type {Page} */
const page = { session: new Session(), address: new Address(), ...waiting };
const shell = document.querySelector("podium-page");
if (shell instanceof PodiumPage) shell.begin(page);
