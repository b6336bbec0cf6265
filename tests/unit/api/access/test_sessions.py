"""Sessions of the page: logging in for a cookie, what the cookie may do, and how sessions end."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bcrypt
import httpx
import pytest

from podium import conf, errors
from podium.api import app
from podium.api.access import door
from podium.api.access.door import HttpBasic
from podium.api.access.guard import Guard
from podium.api.access.roles import Roles
from podium.api.callers import LASTS_KEY
from podium.api.faults import Fault
from podium.api.operations import OPERATIONS
from podium.api.services import Services
from podium.api.serving.peers import PEER
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db import clock, sessions, tokens
from podium.db.engine import Database

PATH = "/podium/v1/session"
READ = "/podium/v1/conductors"
OWN = {"Origin": "http://localhost"}
RITA = {"name": "rita", "password": "rita-pw"}


def line(name: str, password: str) -> str:
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


class Process:
    """One podium-api, whose monotonic clock stands still unless it is turned on."""

    def __init__(self, config: conf.Config, database: Database) -> None:
        self.now = 100.0
        self.scheme, self.peer = "http", None
        self.scope: Any = None
        self._sql = Sql(database)
        self.access = access = door.make_access(config, self._sql, lambda: self.now)
        services = Services(config, self._sql, Catalog(config, print))
        self._inner = Guard(app.create(services, access, OPERATIONS), config, lambda *_: None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.peer is not None:
            scope[PEER], scope["client"] = self.peer, None
        self.scope = scope
        await self._inner(scope, receive, send)

    async def ask(self, method: str, path: str, cookie: str | None = None, **how: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self, client=("192.0.2.7", 4711))
        headers = how.pop("headers", {}) | ({"Cookie": cookie} if cookie else {})
        async with httpx.AsyncClient(transport=transport, base_url=f"{self.scheme}://localhost") as client:
            found = await client.request(method, path, headers=headers, **how)
        if isinstance(self.access, HttpBasic):  # what is written down beside the answer
            await asyncio.gather(*self.access._sessions._notes.values())
        return found

    async def log_in(self, body: Any = RITA, cookie: str | None = None, **headers: str) -> str:
        """Log in, and return what the browser sends from then on."""
        answer = await self.ask("POST", PATH, cookie, json=body, headers=OWN | headers)
        assert answer.status_code == 200, answer.text
        return answer.headers["Set-Cookie"].partition(";")[0]


class World:
    """Several podium-api on one database, whose clock is set."""

    def __init__(self, folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.users = folder / "htpasswd"
        self.users.write_text("".join(line(name, f"{name}-pw") for name in ("rita", "otto", "nick")))
        self.file = folder / "api.conf"
        self.database = database
        self.strategy = "http_basic"
        self.passed = 0.0
        real = clock.now
        monkeypatch.setattr(clock, "now", lambda connection: clock.later(real(connection), self.passed))

    def process(self, settings: str = "") -> Process:
        self.file.write_text(
            f"[DEFAULT]\nhttp_basic_auth_user_file = {self.users}\nauth_strategy = {self.strategy}\n"
            f"[api]\nreaders = rita\noperators = otto\n{settings}\n[conductor]\nconfirm_above = 7\n"
        )
        return Process(conf.load(["--config-file", str(self.file)], prog="podium-api"), self.database)

    def wait(self, seconds: float, *processes: Process) -> None:
        """Have time pass on all clocks."""
        self.passed += seconds
        for one in processes:
            one.now += seconds

    def rows(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.exec_driver_sql("SELECT * FROM sessions").all())

    def token(self, name: str = "wall", role: str = "reader", seconds: float | None = None) -> str:
        secret = f"podium_{name}"
        with self.database.write() as connection:
            tokens.create(connection, name, role, secret, who="ada", seconds=seconds)
        return secret


@pytest.fixture
def world(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, database, monkeypatch)


def run(test: Callable[[World], Any]) -> Callable[[World], None]:
    """A test whose requests are answered in one loop."""

    def wrapped(world: World) -> None:
        asyncio.run(test(world))

    wrapped.__name__, wrapped.__doc__ = test.__name__, test.__doc__
    return wrapped


@run
async def test_a_password_is_traded_for_a_cookie_that_scripts_and_other_pages_do_not_get(
    world: World,
) -> None:
    process = world.process()
    answer = await process.ask("POST", PATH, json=RITA, headers=OWN)
    assert answer.json() == {
        "name": "rita",
        "role": "reader",
        "login": True,
        "ways": ["password", "token"],
        "idle_timeout": 3600,
        "confirm_above": 7,
    }
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["podium_session"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "strict")
    assert not cookie["domain"] and not cookie["secure"]
    assert answer.headers["Cache-Control"] == "no-store"
    asked = f"podium_session={cookie.value}"
    assert (await process.ask("GET", READ, asked)).status_code == 200
    assert (await process.ask("GET", PATH, asked)).json()["name"] == "rita"


@run
async def test_under_tls_the_cookie_goes_no_other_way(world: World) -> None:
    process = world.process()
    process.scheme = "https"
    answer = await process.ask("POST", PATH, json=RITA, headers={"Origin": "https://localhost"})
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["__Host-podium_session"]
    assert cookie["secure"]
    assert (await process.ask("GET", READ, f"__Host-podium_session={cookie.value}")).status_code == 200
    # which anybody between could have set over plain HTTP
    assert (await process.ask("GET", READ, f"podium_session={cookie.value}")).status_code == 401


@run
async def test_behind_a_trusted_proxy_that_ends_tls_the_cookie_is_as_under_tls(world: World) -> None:
    process = world.process("trusted_proxies = 192.0.2.7")
    headers = {"Origin": "https://localhost", "X-Forwarded-Proto": "https"}
    cookie = await process.log_in(**headers)
    assert cookie.startswith("__Host-podium_session=")


@run
async def test_a_token_is_traded_for_a_cookie_with_its_role(world: World) -> None:
    process = world.process()
    cookie = await process.log_in({"token": world.token(role="operator")})
    shown = (await process.ask("GET", PATH, cookie)).json()
    assert (shown["name"], shown["role"]) == ("token:wall", "operator")


@run
async def test_nobody_is_asked_to_log_in_with_noauth(world: World) -> None:
    world.strategy = "noauth"
    process = world.process()
    shown = (await process.ask("GET", PATH)).json()
    assert (shown["name"], shown["role"], shown["login"], shown["ways"]) == ("anonymous", "admin", False, [])
    assert (await process.ask("POST", PATH, json=RITA, headers=OWN)).status_code == 409


@run
async def test_who_has_no_role_can_log_in_and_is_told_so(world: World) -> None:
    process = world.process()
    cookie = await process.log_in({"name": "nick", "password": "nick-pw"})
    shown = (await process.ask("GET", PATH, cookie)).json()
    assert (shown["name"], shown["role"]) == ("nick", None)
    assert (await process.ask("GET", READ, cookie)).status_code == 403


@run
async def test_who_has_not_logged_in_is_told_how_one_can(world: World) -> None:
    shown = (await world.process().ask("GET", PATH)).json()
    assert (shown["name"], shown["role"], shown["login"]) == (None, None, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "rita", "password": "otto-pw"}, 401),
        ({"name": "who", "password": "rita-pw"}, 401),
        ({"token": "podium_wrong"}, 401),
        ({"name": "rita"}, 400),
        ({"token": 7}, 400),
        ({"token": "x", "password": "y"}, 400),
        ([], 400),
        (None, 400),
    ],
)
def test_what_is_wrong_begins_no_session(world: World, body: Any, status: int) -> None:
    async def test() -> None:
        answer = await world.process().ask("POST", PATH, json=body, headers=OWN)
        assert answer.status_code == status, answer.text
        assert "Set-Cookie" not in answer.headers
        assert not world.rows()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("http://evil.example", 403),
        ("x://localhost", 403),
        ("null", 403),
        (None, 403),
    ],
)
def test_only_the_page_itself_may_write_with_the_cookie_log_in_or_out(
    world: World, origin: str | None, status: int
) -> None:
    async def test() -> None:
        process = world.process()
        cookie = await process.log_in({"name": "otto", "password": "otto-pw"})
        headers = {"Origin": origin} if origin else {}
        body = {"nodes": "n1", "maintenance": True}
        answer = await process.ask("PUT", "/podium/v1/nodes/maintenance", cookie, json=body, headers=headers)
        assert (answer.status_code == 403) is (status == 403), answer.text
        assert (await process.ask("POST", PATH, json=RITA, headers=headers)).status_code == status
        assert (await process.ask("DELETE", PATH, cookie, headers=headers)).status_code == status

    asyncio.run(test())


@run
async def test_a_page_without_tls_may_not_write_with_the_cookie_of_one_with_it(world: World) -> None:
    process = world.process()
    process.scheme = "https"
    assert (await process.ask("POST", PATH, json=RITA, headers=OWN)).status_code == 403


@run
async def test_logging_out_ends_the_session_here_at_once_and_elsewhere_within_five_seconds(
    world: World,
) -> None:
    here, there = world.process(), world.process()
    cookie = await here.log_in()
    assert (await there.ask("GET", READ, cookie)).status_code == 200
    answer = await here.ask("DELETE", PATH, cookie, headers=OWN)
    assert (answer.status_code, answer.json()["name"]) == (200, None)
    assert SimpleCookie(answer.headers["Set-Cookie"])["podium_session"]["max-age"] == "0"
    assert (await here.ask("GET", READ, cookie)).status_code == 401
    there.now += 5
    assert (await there.ask("GET", READ, cookie)).status_code == 401


@run
async def test_no_proxy_keeps_what_somebody_with_a_cookie_was_answered(world: World) -> None:
    process = world.process()
    cookie = await process.log_in()
    for path in (READ, "/v1/nodes"):
        assert (await process.ask("GET", path, cookie)).headers["Cache-Control"] == "private, no-cache"
    for method in ("GET", "DELETE"):
        answer = await process.ask(method, PATH, cookie, headers=OWN)
        assert answer.headers["Cache-Control"] == "no-store"


@run
async def test_a_stream_learns_that_its_session_is_over_or_has_no_role_any_more(world: World) -> None:
    process = world.process()
    cookies = await process.log_in(), await process.log_in(), await process.log_in()
    streams = []
    for cookie in cookies:
        await process.ask("GET", READ, cookie, headers={"Podium-Idle": "0"})
        streams.append(process.scope[LASTS_KEY])
    assert [await lasts() for lasts in streams] == [True, True, True]
    await process.ask("DELETE", PATH, cookies[0], headers=OWN)
    assert [await lasts() for lasts in streams] == [False, True, True]
    world.wait(3500, process)
    assert (await process.ask("GET", READ, cookies[1], headers={"Podium-Idle": "0"})).status_code == 200
    world.wait(200, process)
    assert [await lasts() for lasts in streams] == [False, True, False]  # which no stream puts off
    process.access._roles = Roles(SimpleNamespace(readers=[], operators=[], admins=[]))
    assert not await streams[1]()


@run
async def test_a_stream_learns_that_its_token_was_revoked_or_its_user_is_gone(world: World) -> None:
    process = world.process()
    token = {"headers": {"Authorization": f"Bearer {world.token()}"}}
    streams = []
    for how in (token, {"auth": ("rita", "rita-pw")}, {"auth": ("otto", "otto-pw")}):
        assert (await process.ask("GET", READ, **how)).status_code == 200
        streams.append(process.scope[LASTS_KEY])
    assert [await lasts() for lasts in streams] == [True, True, True]
    with world.database.write() as connection:
        tokens.revoke(connection, "wall", "ada")
    lines = world.users.read_text().splitlines(keepends=True)
    world.users.write_text(line("rita", "new") + "".join(one for one in lines if "rita" not in one))
    process.now += 5
    assert [await lasts() for lasts in streams] == [False, False, True]
    process.access._roles = Roles(SimpleNamespace(readers=[], operators=[], admins=[]))
    assert not await streams[2]()


@run
async def test_the_database_is_asked_for_a_session_once_in_five_seconds(world: World) -> None:
    process = world.process()
    cookie = await process.log_in()
    assert (await process.ask("GET", PATH, cookie)).json()["name"] == "rita"
    with world.database.write() as connection:
        sessions.end(connection, world.rows()[0].id)
    process.now += 4.9
    assert (await process.ask("GET", PATH, cookie)).json()["name"] == "rita"
    process.now += 0.2
    assert (await process.ask("GET", PATH, cookie)).json()["name"] is None


@run
async def test_a_session_is_over_after_an_hour_without_input_whatever_the_page_asks(world: World) -> None:
    process = world.process()
    cookie = await process.log_in()
    for idle in range(600, 4200, 600):
        assert (await process.ask("GET", READ, cookie)).status_code == 200, idle
        assert (await process.ask("GET", READ, cookie, headers={"Podium-Idle": f"{idle - 600}"})).is_success
        world.wait(600, process)
    world.wait(6, process)
    assert (await process.ask("GET", READ, cookie, headers={"Podium-Idle": "0"})).status_code == 401


async def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("the database was asked")


class Held:
    """Look-ups of sessions in one process, whose answers wait until they are let go.

    :ivar asked: the secrets that have been looked up
    """

    def __init__(self, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        real = process._sql.read
        self.asked: list[str] = []
        self.go = asyncio.Event()

        async def read(what: Any, *rest: Any) -> Any:
            found = await real(what, *rest)
            if what is sessions.valid:
                self.asked.append(rest[0])
                await self.go.wait()
            return found

        monkeypatch.setattr(process._sql, "read", read)

    async def has(self, secret: str) -> None:
        """Wait until this has been read."""
        while secret not in self.asked:
            await asyncio.sleep(0)


@run
async def test_strangers_with_invented_cookies_keep_nobody_out(world: World) -> None:
    old = await world.process().log_in()
    process = world.process()  # which has seen no session yet
    for number in range(60):
        assert (await process.ask("GET", READ, f"podium_session=invented-{number}")).status_code == 401
    assert (await process.ask("GET", READ, old)).status_code == 200
    assert (await process.ask("GET", READ, await process.log_in())).status_code == 200


def test_sessions_that_are_known_wait_for_no_invented_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.api.access.sessions._MOST_ASKED", 10)

    async def test() -> None:
        process = world.process()
        cookie = await process.log_in()
        process.now += 5
        held = Held(process, monkeypatch)
        strangers = [
            asyncio.ensure_future(process.ask("GET", READ, f"podium_session=invented-{number}"))
            for number in range(11)
        ]
        done, _ = await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result().status_code for one in done] == [503]  # they wait, but not without end
        known = asyncio.ensure_future(process.ask("GET", READ, cookie))
        await held.has(cookie.partition("=")[2])
        assert len(held.asked) <= 3
        held.go.set()
        assert (await known).status_code == 200
        await asyncio.gather(*strangers)

    asyncio.run(test())


def test_strangers_who_log_out_write_nothing_and_displace_no_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.api.access.sessions._MOST_KNOWN", 10)

    async def test() -> None:
        process = world.process()
        cookie = await process.log_in()
        with monkeypatch.context() as patched:
            patched.setattr(process._sql, "write", refuse)
            for number in range(11):
                answer = await process.ask("DELETE", PATH, f"podium_session=invented-{number}", headers=OWN)
                assert (answer.status_code, answer.json()["name"]) == (200, None)
        assert SimpleCookie(answer.headers["Set-Cookie"])["podium_session"]["max-age"] == "0"
        monkeypatch.setattr(process._sql, "read", refuse)
        assert (await process.ask("GET", PATH, cookie)).json()["name"] == "rita"

    asyncio.run(test())


def test_who_logs_out_while_a_request_is_looked_up_is_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        process = world.process()
        cookie = await process.log_in()
        assert (await process.ask("GET", READ, cookie)).status_code == 200
        with monkeypatch.context() as patched:
            held = Held(process, patched)
            process.now += 5
            late = asyncio.ensure_future(process.ask("GET", READ, cookie))
            await held.has(cookie.partition("=")[2])
            out = asyncio.ensure_future(process.ask("DELETE", PATH, cookie, headers=OWN))
            process.now -= 5  # the logout finds what is known, and overtakes the request
            assert (await out).status_code == 200
            held.go.set()
            await late
        assert (await process.ask("GET", READ, cookie)).status_code == 401

    asyncio.run(test())


def test_a_stream_is_no_reason_to_believe_in_a_session_that_cannot_be_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise errors.DatabaseUnavailable("no route")

    async def full(*_: Any) -> None:
        raise Fault(503, "too many requests wait for the database")

    async def test() -> None:
        process = world.process()
        cookie = await process.log_in()
        await process.ask("GET", READ, cookie)
        lasts = process.scope[LASTS_KEY]
        process.now += 5
        for read in (away, full):
            with monkeypatch.context() as patched:
                patched.setattr(process._sql, "read", read)
                assert await lasts() is None
        assert await lasts() is True

    asyncio.run(test())


@pytest.mark.parametrize(
    ("user", "status"), [("otto", 200), ("rita", 409), ("%C3%B6tto", 409), (None, 200), ("%6Ftto", 200)]
)
def test_a_page_that_takes_its_user_for_another_changes_nothing(
    world: World, user: str | None, status: int
) -> None:
    async def test() -> None:
        process = world.process()
        cookie = await process.log_in({"name": "otto", "password": "otto-pw"})
        headers = OWN | ({"Podium-User": user} if user else {})
        body = {"nodes": [], "maintenance": True}
        answer = await process.ask("PUT", "/podium/v1/nodes/maintenance", cookie, json=body, headers=headers)
        assert (answer.status_code == 409) is (status == 409), answer.text
        assert (await process.ask("GET", PATH, cookie, headers=headers)).json()["name"] == "otto"
        if status == 409:
            assert answer.json()["error"]["code"] == "OtherUser"
            assert "otto" in answer.json()["error"]["message"]

    asyncio.run(test())


@run
async def test_input_at_the_page_keeps_a_session(world: World) -> None:
    process, other = world.process(), world.process()
    cookie = await process.log_in()
    for _ in range(5):
        world.wait(3000, process, other)
        for one in (process, other):
            assert (await one.ask("GET", READ, cookie, headers={"Podium-Idle": "2.5"})).status_code == 200


@pytest.mark.parametrize("given", ["-5", "nan", "-inf", "soon", ""])
def test_an_idle_time_that_is_none_keeps_no_session(world: World, given: str) -> None:
    async def test() -> None:
        process = world.process()
        cookie = await process.log_in()
        world.wait(3000, process)
        assert (await process.ask("GET", READ, cookie, headers={"Podium-Idle": given})).status_code == 200
        world.wait(700, process)
        assert (await process.ask("GET", READ, cookie)).status_code == 401

    asyncio.run(test())


@run
async def test_a_session_is_over_after_its_longest_life_however_busy(world: World) -> None:
    process = world.process("session_max_lifetime = 7200")
    cookie = await process.log_in()
    for _ in range(7):
        world.wait(1000, process)
        assert (await process.ask("GET", READ, cookie, headers={"Podium-Idle": "0"})).status_code == 200
    world.wait(300, process)
    assert (await process.ask("GET", READ, cookie, headers={"Podium-Idle": "0"})).status_code == 401


@run
async def test_another_password_or_no_line_for_the_user_ends_the_sessions(world: World) -> None:
    process = world.process()
    cookie = await process.log_in()
    others = "".join(one for one in world.users.read_text().splitlines(True) if not one.startswith("rita"))
    for text in (line("rita", "new"), ""):
        world.users.write_text(others + text)
        process.now += 1
        assert (await process.ask("GET", READ, cookie)).status_code == 401


@run
async def test_a_session_ends_with_the_token_that_began_it(world: World) -> None:
    process = world.process()
    revoked = await process.log_in({"token": world.token("a")})
    expired = await process.log_in({"token": world.token("b", seconds=60)})
    assert (await process.ask("GET", READ, revoked)).status_code == 200
    with world.database.write() as connection:
        tokens.revoke(connection, "a", "ada")
    world.wait(60, process)
    for cookie in (revoked, expired):
        assert (await process.ask("GET", READ, cookie)).status_code == 401


@run
async def test_a_role_counts_at_once_in_sessions_that_are_there(world: World) -> None:
    world.process()
    config = conf.load(["--config-file", str(world.file)], prog="podium-api")
    process = Process(config, world.database)
    cookie = await process.log_in()
    config.set_override("readers", [], group="api")
    config.set_override("admins", ["rita"], group="api")
    process.access.reload()
    assert (await process.ask("GET", PATH, cookie)).json()["role"] == "admin"


@run
async def test_a_user_has_twenty_sessions_and_the_idlest_goes(world: World) -> None:
    process = world.process()
    first = await process.log_in()
    other = await process.log_in({"name": "otto", "password": "otto-pw"})
    world.wait(1, process)
    for _ in range(20):
        last = await process.log_in()
    assert len(world.rows()) == 21
    process.now += 5
    assert (await process.ask("GET", READ, first)).status_code == 401
    for cookie in (other, last):
        assert (await process.ask("GET", READ, cookie)).status_code == 200


@run
async def test_a_user_begins_sixty_sessions_in_a_minute_and_no_more(world: World) -> None:
    process = world.process()
    for _ in range(60):
        await process.log_in()
    answer = await process.ask("POST", PATH, json=RITA, headers=OWN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    await process.log_in({"name": "otto", "password": "otto-pw"})
    process.now += 60
    await process.log_in()


@run
async def test_sessions_that_are_over_are_deleted_when_somebody_logs_in(world: World) -> None:
    process = world.process()
    await process.log_in()
    world.wait(4000, process)
    await process.log_in({"name": "otto", "password": "otto-pw"})
    assert len(world.rows()) == 1


@run
async def test_logging_in_once_more_ends_the_former_session_of_the_browser(world: World) -> None:
    process = world.process()
    former = await process.log_in()
    await process.log_in(cookie=former)
    assert (await process.ask("GET", READ, former)).status_code == 401


@run
async def test_a_cookie_goes_before_the_kernels_word_even_when_it_is_over(world: World) -> None:
    """A proxy at the Unix socket is not who its visitors are."""
    process = world.process()
    process.peer = "otto", 1000, ()
    cookie = await process.log_in()
    assert (await process.ask("GET", PATH, cookie)).json()["name"] == "rita"
    assert (await process.ask("GET", PATH)).json()["name"] == "otto"
    assert (await process.ask("GET", READ, "podium_session=over")).status_code == 401


@run
async def test_a_login_in_the_request_goes_before_the_cookie(world: World) -> None:
    process = world.process()
    cookie = await process.log_in()
    shown = await process.ask("GET", PATH, cookie, auth=("otto", "otto-pw"))
    assert shown.json()["name"] == "otto"


@run
async def test_the_browser_is_never_made_to_ask_for_a_password_itself(world: World) -> None:
    process = world.process()
    for how in (
        {"cookie": "podium_session=over"},
        {"headers": {"Podium-Idle": "3"}},
        {"headers": {"Accept": "text/event-stream"}},
    ):
        answer = await process.ask("GET", READ, **how)  # type: ignore[arg-type]
        assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, False)
    assert "Basic" in (await process.ask("GET", READ)).headers["WWW-Authenticate"]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_logins_and_logouts_are_in_the_record_and_secrets_nowhere(
    world: World, log: pytest.LogCaptureFixture
) -> None:
    async def test() -> list[str]:
        process = world.process()
        await process.ask("POST", PATH, json={"name": "rita", "password": "secret-1"}, headers=OWN)
        await process.ask("POST", PATH, json={"name": "secret-2", "password": "x"}, headers=OWN)
        await process.ask("POST", PATH, json={"token": "podium_secret-3"}, headers=OWN)
        cookie = await process.log_in()
        await process.ask("DELETE", PATH, cookie, headers=OWN)
        return [cookie.partition("=")[2], "secret-1", "secret-2", "secret-3", "rita-pw"]

    secrets = asyncio.run(test())
    lines = [one.getMessage() for one in log.records if one.name == "podium.api.audit"]
    assert [one.partition(" [")[0] for one in lines] == [
        "POST /podium/v1/session from 192.0.2.7: a login of rita 401",
        "POST /podium/v1/session from 192.0.2.7: a login of an unknown user 401",
        "POST /podium/v1/session from 192.0.2.7: a login of a token 401",
        "POST /podium/v1/session from 192.0.2.7: rita 200",
        "DELETE /podium/v1/session from 192.0.2.7: rita 200",
    ]
    assert not [one for one in secrets if one in log.text]


def test_the_database_has_no_secret_of_a_session(world: World) -> None:
    async def test() -> str:
        return await world.process().log_in()

    cookie = asyncio.run(test())
    assert cookie.partition("=")[2] not in str(world.rows())


@run
async def test_wrong_passwords_slow_logging_in_at_the_page_as_elsewhere(world: World) -> None:
    process = world.process()
    bodies = [{"name": "rita", "password": f"wrong-{number}"} for number in range(40)]
    asked = [asyncio.ensure_future(process.ask("POST", PATH, json=one, headers=OWN)) for one in bodies]
    for answer in asyncio.as_completed(asked):
        if (await answer).status_code == 429:
            break
    else:
        raise AssertionError("all of them were tried")
    for one in asked:  # the others wait for their turn
        one.cancel()
    await asyncio.wait(asked)
