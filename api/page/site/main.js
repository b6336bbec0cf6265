/**
 * Starts the page: creates the objects that its parts share, and follows the fleet for people who may see it.
 *
 * @typedef {object} Page the shared objects, available to the parts as their property `page`
 * @property {Session} session
 * @property {Address} address
 * @property {Status} status
 * @property {Stream} stream
 * @property {Fleet} fleet
 * @property {Shown} shown
 * @property {Choice} choice
 */
import { Address } from './core/address.js';
import { watchInput } from './core/api.js';
import { h } from './core/elements.js';
import { Fleet } from './core/fleet.js';
import { Session } from './core/session.js';
import { Status } from './core/status.js';
import { Stream } from './core/stream.js';
import { Choice } from './fleet/choice.js';
import { Shown } from './selection/shown.js';
import './shell/podium-page.js';

const session = new Session();
const status = new Status();
const stream = new Stream(status);
const fleet = new Fleet(stream, status);
let running = new AbortController();
session.addEventListener('change', () => {
  running.abort();  // so that nothing that was shown stays in the browser
  running = new AbortController();
  if (session.may('reader')) for (const part of [status, stream, fleet]) void part.run(running.signal);
});
watchInput(document);
/** @type {Page} */
const page = {
  session, status, stream, fleet, address: new Address(), shown: new Shown(fleet, stream),
  choice: new Choice(fleet, () => session.may('operator')),
};
document.body.prepend(h('podium-page', { page }));
