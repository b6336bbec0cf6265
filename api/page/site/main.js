/**
 * Starts the page: makes one of each of what its parts share, and follows the fleet for those who may see it.
 *
 * @typedef {object} Page what the parts share, as their property `page`
 * @property {Session} session
 * @property {Address} address
 * @property {Status} status
 * @property {Stream} stream
 * @property {Fleet} fleet
 * @property {Shown} shown
 * @property {Choice} choice
 */
import { Address } from "./core/address.js";
import { watchInput } from "./core/api.js";
import { Fleet } from "./core/fleet.js";
import { Session } from "./core/session.js";
import { Status } from "./core/status.js";
import { Stream } from "./core/stream.js";
import { Choice } from "./fleet/choice.js";
import { Shown } from "./selection/shown.js";
import { PodiumPage } from "./shell/podium-page.js";
import "./conductors/podium-conductors.js";
import "./fleet/podium-fleet.js";
import "./node/podium-node.js";
import "./operations/podium-operation.js";
import "./operations/podium-operations.js";
import "./tasks/podium-tasks.js";

const session = new Session();
const address = new Address();
const status = new Status();
const stream = new Stream(status);
const fleet = new Fleet(stream, status);
const shown = new Shown(fleet);
/** @type {Page} */
const page = { session, address, status, stream, fleet, shown, choice: new Choice(fleet) };

session.addEventListener("change", () => {
  for (const part of [status, stream]) part[session.may("reader") ? "start" : "stop"]();
  if (!session.may("reader")) fleet.clear();  // nothing of what was shown stays in the browser
});
watchInput(document);
const shell = document.querySelector("podium-page");
if (shell instanceof PodiumPage) shell.begin(page);
