import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Api, refuse, until } from "./api_of_tests.js";
import { ApiError, ask } from "../../../api/page/site/core/api.js";
import { Session } from "../../../api/page/site/core/session.js";

const PATH = "/podium/v1/session";
// What keeps a window awake would keep the tests from ending.
globalThis.setInterval = /** @type {any} */ (() => 0);
/** @type {Api} */
let api;
/** @type {Session} */
let session;
/** @type {string[]} */
let told;

beforeEach(async () => {
  api = await new Api().start();
  // What a session of the test before hears late is told to nobody.
  const mine = session = new Session();
  /** @type {string[]} */
  const changes = told = [];
  mine.addEventListener("change", () => changes.push(`${mine.state} ${mine.name} ${mine.role}`));
});
afterEach(() => api.kill());

/** @param {string | null} name */
const answer = (name) =>
  JSON.stringify({ name, role: name, login: true, idle_timeout: 3600, confirm_above: 25 });

/** Have somebody be logged in from now on. @param {string | null} name */
function become(name) {
  api.paths[PATH] = (_request, response) => response.end(answer(name));
}

/** @param {number} status */
async function refused(status) {
  api.paths["/podium/v1/x"] = (_request, response) => refuse(response, status, "Code", "no");
  await assert.rejects(ask("GET", "podium/v1/x"), ApiError);
}

test("the page asks as the one whom it shows", async () => {
  become("Zoë 機器");
  await session.load();
  await refused(404);
  assert.equal(decodeURIComponent(api.asked.at(-1)?.headers["podium-user"]), "Zoë 機器");
});

test("whatever is refused, the page finds out who asks", async () => {
  become("admin");
  await session.load();
  for (const [status, name] of /** @type {const} */ ([[403, "reader"], [409, "operator"], [401, null]])) {
    become(name);
    await refused(status);
    await until(`${name}`, () => session.name === name);
  }
  assert.equal(session.state, "ended");
});

test("who comes instead of somebody comes after their end", async () => {
  become("admin");
  await session.load();
  become("reader");
  await session.load();
  assert.deepEqual(told, ["somebody admin admin", "ended null null", "somebody reader reader"]);
});

test("a late answer about the session before says nothing of this one", async () => {
  become("admin");
  await session.load();
  /** @type {(() => void)[]} */
  const held = [];
  api.paths[PATH] = (_request, response) => held.push(() => response.end(answer("admin")));
  const late = session.load();
  await until("the question", () => held.length);
  become(null);
  await session.load();
  become("reader");
  await session.load({ name: "reader", password: "x" });
  held[0]();
  await late;
  assert.deepEqual([session.state, session.name, session.role], ["somebody", "reader", "reader"]);
});
