"""Who may ask: passwords, tokens, users of this host, roles, names of the server."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from starlette.responses import Response

from podium import conf
from podium.api import app
from podium.api.access import door
from podium.api.access.guard import Guard
from podium.api.callers import SCOPE_KEY, Caller, Role
from podium.api.operations import OPERATIONS
from podium.api.services import Services
from podium.api.serving.peers import PEER
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db import tokens
from podium.db.engine import Database

ROLES = {"rita": Role.READER, "otto": Role.OPERATOR, "ada": Role.ADMIN, "nick": None}


def line(name: str, password: str, form: str = "$2y$") -> str:
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace('$2b$', form)}\n"


class World:
    """The application behind a gate, and a clock that stands still."""

    def __init__(
        self, folder: Path, database: Database, settings: str = "", strategy: str = "http_basic"
    ) -> None:
        self.users = folder / "htpasswd"
        self.users.write_text("".join(line(name, f"{name}-pw") for name in ROLES))
        file = folder / "api.conf"
        file.write_text(
            f"[DEFAULT]\nstate_path = {folder}\nhttp_basic_auth_user_file = {self.users}\n"
            f"auth_strategy = {strategy}\n[api]\nreaders = rita\noperators = otto,@wheel\n"
            f"admins = ada,token:boss\n{settings}\n"
        )
        self.config = conf.load(["--config-file", str(file)], prog="podium-api")
        self.database = database
        self.now = 100.0
        self.peer: Any = None
        self.later: list[Callable[[], None]] = []

    def note_later(self, seconds: float, what: Callable[[], None]) -> None:
        assert seconds == 60
        self.later.append(what)

    def ask(self, *requests: dict[str, Any]) -> list[httpx.Response]:
        """Answer requests in one loop, one after the other."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests: Any) -> list[httpx.Response]:
        sql = Sql(self.database)
        access = door.make_access(self.config, sql, lambda: self.now)
        services = Services(self.config, sql, Catalog(self.config, print))
        inner = Guard(app.create(services, access, OPERATIONS), self.config, self.note_later)

        async def application(scope: Any, receive: Any, send: Any) -> None:
            if self.peer is not None:
                scope[PEER] = self.peer
            await inner(scope, receive, send)

        found = []
        transport = httpx.ASGITransport(application, client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for one in requests:
                if callable(one):
                    one()
                    self.now += 6
                    continue
                options = {"method": "GET", "url": "/v1/nodes", **one}
                found.append(await client.request(**options))
        while used := [task for task in asyncio.all_tasks() if task.get_name() == "use of a token"]:
            await asyncio.wait(used)
        return found

    def status(self, **options: Any) -> int:
        return self.ask(options)[0].status_code


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    return World(tmp_path, database)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"auth": ("rita", "rita-pw")}, 200),
        ({}, 401),
        ({"url": "/nothing"}, 404),
        ({"headers": {"Host": "evil.example"}}, 400),
        ({"method": "PUT", "auth": ("rita", "rita-pw")}, 405),
        ({"url": "/page/main.js"}, 200),
        ({"url": "/page/nothing.js"}, 404),
        ({"url": "/podium/v1/session"}, 200),
    ],
)
def test_no_page_of_others_has_a_browser_load_an_answer_or_take_it_for_a_script(
    world: World, asked: dict[str, Any], status: int
) -> None:
    (answer,) = world.ask(asked)
    assert answer.status_code == status
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("Cross-Origin-Resource-Policy") == ["same-origin"]


def test_a_user_with_the_right_password_and_a_role_is_let_in(world: World) -> None:
    assert world.status(auth=("rita", "rita-pw")) == 200


@pytest.mark.parametrize(
    "headers",
    [
        *({}, {"Authorization": "Basic"}, {"Authorization": "Basic !!!"}, {"Authorization": "Digest x"}),
        *(
            {"Authorization": "Basic cml0YQ=="},
            {"Authorization": "Bearer podium_x"},
            {"Authorization": "Bearer"},
        ),
    ],
)
def test_nobody_else_is_and_the_answer_is_ironics(world: World, headers: dict[str, str]) -> None:
    (answer,) = world.ask({"headers": headers})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Baremetal API"'
    assert answer.json()["error"]["code"] == 401


@pytest.mark.parametrize(
    "name, password", [("rita", "wrong"), ("ghost", "rita-pw"), ("rita", "rita-pw" + "x" * 66)]
)
def test_a_wrong_login_is_refused_and_what_was_typed_is_not_logged(
    world: World, name: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert world.status(auth=(name, password)) == 401
    assert "192.0.2.7" in caplog.text
    assert "ghost" not in caplog.text and password not in caplog.text


def issue(database: Database, name: str, role: str, seconds: float | None = None) -> str:
    secret = f"podium_{name}-secret"
    with database.write() as connection:
        tokens.create(connection, name, role, secret, who="me@here", seconds=seconds)
    return secret


def bearer(secret: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {secret}"}}


def test_a_token_is_valid_until_it_ends_or_is_revoked(world: World, database: Database) -> None:
    good, old = issue(database, "good", "reader", 3600), issue(database, "old", "reader", -1)

    def revoke() -> None:
        with database.write() as connection:
            tokens.revoke(connection, "good", "me@here")

    answers = world.ask(bearer(good), bearer(old), revoke, bearer(good))  # type: ignore[arg-type]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    with database.read() as connection:
        used = {token.name: token.last_used_from for token in tokens.all_tokens(connection)}
    assert used == {"good": "192.0.2.7", "old": None}


def test_the_database_knows_no_token(database: Database) -> None:
    secret = issue(database, "good", "reader")
    with database.read() as connection:
        assert secret not in str(connection.exec_driver_sql("SELECT * FROM api_tokens").all())


def test_the_kernel_says_who_asks_over_the_unix_socket(world: World) -> None:
    world.peer = ("rita", 1000, ("users",))
    assert world.status(headers={"Host": "anything"}) == 200
    world.peer = ("someone", 1001, ("users",))
    (answer,) = world.ask({})
    assert answer.status_code == 403
    assert "someone" in answer.text and "[api] readers" in answer.text
    world.peer = ("someone", 1001, ("users", "wheel"))
    assert world.status() == 200


@pytest.mark.parametrize("host, status", [("localhost:6385", 200), ("127.0.0.1", 200), ("[::1]:6385", 200)])
def test_the_server_has_its_own_names_only(world: World, host: str, status: int) -> None:
    login = ("rita", "rita-pw")
    assert world.status(auth=login, headers={"Host": host}) == status
    assert world.status(auth=login, headers={"Host": "evil.example"}) == 400


def test_further_names_are_those_of_the_options(tmp_path: Path, database: Database) -> None:
    world = World(
        tmp_path, database, "allowed_hosts = podium\npublic_endpoint = https://podium.example.org:8443/x"
    )
    for host in ("podium", "PODIUM:80", "podium.example.org:8443"):
        assert world.status(auth=("rita", "rita-pw"), headers={"Host": host}) == 200


def test_a_change_leaves_one_line_with_who_where_and_how_it_ended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    writes = [one for one in OPERATIONS if one.method != "GET"]
    caplog.set_level(logging.INFO, "podium.api.audit")
    path = writes[0].path.replace("{node}", "ghost")
    world.ask(
        {"method": writes[0].method, "url": path, "auth": ("rita", "rita-pw")}, {"auth": ("rita", "rita-pw")}
    )
    lines = [one.getMessage() for one in caplog.records if one.name == "podium.api.audit"]
    assert len(lines) == 1
    assert f"{writes[0].method} {path} from 192.0.2.7" in lines[0]


NOBODY: dict[str, Any] = {"method": "DELETE", "url": "/v1/nodes/ghost"}


@pytest.fixture
def open_world(tmp_path: Path, database: Database) -> World:
    """Without logins: all that keeps a web page out are its origin and the names."""
    return World(
        tmp_path,
        database,
        "public_endpoint = https://podium.example.org\ntrusted_proxies = 192.0.2.0/24",
        "noauth",
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8080"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(open_world: World, headers: dict[str, str]) -> None:
    assert open_world.status(**NOBODY, headers=headers) == 403
    assert open_world.status(headers=headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "https://podium.example.org"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_page_of_its_own_may_and_so_may_programs(open_world: World, headers: dict[str, str]) -> None:
    assert open_world.status(**NOBODY, headers=headers) == 404


@pytest.mark.parametrize(
    "kind",
    ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_what_the_form_of_a_page_sends_is_not_taken(open_world: World, kind: str) -> None:
    body = {"method": "POST", "url": "/v1/nodes", "content": b'{"driver": "fake"}'}
    assert open_world.status(**body, headers={"Content-Type": kind}) == 415
    assert open_world.status(**body, headers={"Content-Type": "application/json"}) == 201
    assert open_world.status(**body) == 201


def test_the_refusal_of_a_form_is_in_the_form_of_the_api_that_was_asked(open_world: World) -> None:
    for path, error in (("/podium/v1/nodes", "error"), ("/v1/nodes", "error_message")):
        sent = {"method": "POST", "url": path, "headers": {"Content-Type": "text/plain"}}
        (answer,) = open_world.ask(sent)
        assert (answer.status_code, [*answer.json()]) == (415, [error])


@pytest.mark.parametrize("path", ["/", "/healthcheck", "/v1/none", "/v1/nodes"])
def test_the_name_is_checked_whatever_is_asked_for(open_world: World, path: str) -> None:
    answer = open_world.ask({"url": path, "headers": {"Host": "evil.example"}})[0]
    assert answer.status_code == 400
    assert "[api] allowed_hosts" in answer.json()["error_message"]
    for wrong in ("a b", "", "localhost:x", "[::1"):
        assert open_world.status(url=path, headers={"Host": wrong}) == 400


def test_the_names_refusal_is_in_the_form_of_the_api_that_was_asked(open_world: World) -> None:
    (answer,) = open_world.ask({"url": "/podium/v1/nodes", "headers": {"Host": "evil.example"}})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"
    assert "[api] allowed_hosts" in answer.json()["error"]["message"]


@pytest.mark.parametrize("url", ["/v1/nodes/a%0aDELETE%20b", "/v1/nodes/%E2%80%A8x"])
def test_whatever_a_write_asks_for_it_is_one_line(
    open_world: World, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")
    (answer,) = open_world.ask({"method": "DELETE", "url": url})
    (line,) = [one.getMessage() for one in caplog.records if one.name == "podium.api.audit"]
    assert line.isascii() and line.isprintable()
    assert line.startswith("DELETE /v1/no")
    assert line.endswith(f" {answer.status_code} [{answer.headers['X-OpenStack-Request-ID']}]")


def test_writes_that_are_refused_are_in_the_record_too(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")
    world.ask({**NOBODY, "auth": ("rita", "rita-pw")})
    lines = [one.getMessage() for one in caplog.records if one.name == "podium.api.audit"]
    ends = [line.partition(" from ")[2].rpartition(" ")[0] for line in lines]
    assert ends == ["192.0.2.7: rita 403"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "null"}, {"Host": "evil.example"}, {"Authorization": "Bearer podium_x"}],
)
def test_writes_of_strangers_are_counted_and_leave_no_line_each(
    world: World, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")
    world.ask(*[{**NOBODY, "headers": headers}] * 3)
    assert [one for one in caplog.records if one.name == "podium.api.audit"] == []
    world.later[0]()
    (line,) = [one.getMessage() for one in caplog.records if one.name == "podium.api.audit"]
    assert line == "3 requests for changes from 192.0.2.7 were refused within a minute: nobody had logged in"


def test_a_write_whose_answer_never_comes_is_in_the_record(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")

    async def leave(scope: Any, _receive: Any, _send: Any) -> None:
        scope[SCOPE_KEY] = Caller("ada", "desk", Role.ADMIN)
        raise asyncio.CancelledError

    async def ask() -> None:
        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "PUT", "path": "/x", "headers": headers, "http_version": "1.1"}
        with pytest.raises(asyncio.CancelledError):
            await Guard(leave, world.config)(scope, None, None)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert "PUT /x from desk: ada no answer [-]" in caplog.text


def test_the_record_is_there_when_the_answer_is(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")
    seen: list[str] = []

    async def send(message: Any) -> None:
        seen.append(caplog.text)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        scope[SCOPE_KEY] = Caller("ada", "desk", Role.ADMIN)
        await Response(status_code=204)(scope, receive, send)

    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "method": "PUT", "path": "/x", "headers": headers, "http_version": "1.1"}
    asyncio.run(Guard(answer, world.config)(scope, receive, send))
    assert "PUT /x from desk: ada 204 [-]" in seen[0]


def test_what_trusted_proxies_say_reaches_the_record(
    open_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.api.audit")
    open_world.ask({**NOBODY, "headers": {"X-Forwarded-For": "203.0.113.5, 198.51.100.1, 192.0.2.8"}})
    assert " from 198.51.100.1: anonymous 404 " in caplog.text
