"""Who asks: logins, the Unix socket, and what the answers say to those who may not."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from podium import conf, errors
from podium.api import app
from podium.api.access import door
from podium.api.callers import Role, caller
from podium.api.faults import Fault
from podium.api.routing import Operation
from podium.api.services import Services
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db.engine import Database

LONG = "x" * 72
PASSWORDS = {"alice": "pässword", "bob": "bob's", "long": LONG}


async def say(request: Request) -> Response:
    return PlainTextResponse(f"{caller(request).who} {caller(request).role}")


def operation(method: str, path: str, role: Role | None) -> Operation:
    return Operation(method=method, path=path, handler=say, role=role, summary="")


OPERATIONS = [
    operation("GET", "/read", Role.READER),
    operation("PUT", "/switch", Role.OPERATOR),
    operation("POST", "/enrol", Role.ADMIN),
]

Ask = Callable[..., httpx.Response]


def load(folder: Path, strategy: str = "http_basic") -> conf.Config:
    file = folder / "podium.conf"
    users = folder / "htpasswd"
    users.write_text(
        "".join(
            f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n"
            for name, word in PASSWORDS.items()
        )
    )
    file.write_text(
        f"[DEFAULT]\nstate_path = {folder}\nauth_strategy = {strategy}\nhttp_basic_auth_user_file = {users}\n"
        "[api]\nreaders = alice, bob\noperators = @wheel, bob\nadmins = root\n"
    )
    return conf.load(["--config-file", str(file)], prog="podium-api")


def as_peer(inner: ASGIApp, peer: Any) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["podium.peer"], scope["client"] = peer, None
        await inner(scope, receive, send)

    return answer if peer else inner


@pytest.fixture
def ask(tmp_path: Path, database: Database) -> Ask:
    def run(
        method: str, path: str, strategy: str = "http_basic", peer: Any = None, **how: Any
    ) -> httpx.Response:
        async def go() -> httpx.Response:
            config = load(tmp_path, strategy)
            sql = Sql(database)
            services = Services(config, sql, Catalog(config, print))
            made = app.create(services, door.make_access(config, sql), OPERATIONS)
            transport = httpx.ASGITransport(as_peer(made, peer), client=("192.0.2.9", 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **how)

        answer: Awaitable[httpx.Response] = go()
        return asyncio.run(answer)  # type: ignore[arg-type]

    return run


def test_a_right_password_tells_who_it_is(ask: Ask) -> None:
    answer = ask("GET", "/read", auth=httpx.BasicAuth("alice", "pässword"))
    assert (answer.status_code, answer.text) == (200, "alice@192.0.2.9 1")
    assert ask("GET", "/read", auth=("long", LONG)).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff:x").decode(),
        "Basic " + base64.b64encode(b"alice:mistyped").decode(),
        "Basic " + base64.b64encode(b"nobody:mistyped").decode(),
        "Basic " + base64.b64encode(f"long:{LONG}y".encode()).decode(),
        "Digest username=alice",
        "Bearer",
        "Bearer podium_mistyped",
        "",
    ],
)
def test_anybody_else_is_answered_with_401_as_by_ironic(ask: Ask, header: str | None) -> None:
    answer = ask("GET", "/read", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Baremetal API"'
    body = answer.json()
    assert set(body) == {"error"}
    assert body["error"]["code"] == 401
    assert not {"mistyped", "nobody", LONG} & set(body["error"]["message"].split())


def test_who_may_not_is_told_what_would_let_them(ask: Ask) -> None:
    answer = ask("PUT", "/switch", auth=httpx.BasicAuth("alice", "pässword"))
    assert answer.status_code == 403
    assert (
        "alice has the role reader, and this needs operator, which the option [api] operators gives"
        in (answer.json()["error_message"])
    )


def test_the_highest_role_of_a_user_counts(ask: Ask) -> None:
    assert ask("PUT", "/switch", auth=("bob", "bob's")).status_code == 200
    assert ask("POST", "/enrol", auth=("bob", "bob's")).status_code == 403


def test_on_the_unix_socket_the_kernel_says_who_asks(ask: Ask) -> None:
    answer = ask("PUT", "/switch", peer=("carol", 1001, ("users", "wheel")))
    assert (answer.status_code, answer.text.split("@")[0]) == (200, "carol")
    assert ask("POST", "/enrol", peer=("carol", 1001, ("wheel",))).status_code == 403
    assert ask("POST", "/enrol", peer=("root", 0, ("root",))).status_code == 200
    assert ask("GET", "/read", peer=("dave", 1002, ("users",))).status_code == 403
    assert ask("GET", "/read", peer=("@wheel", 1003, ())).status_code == 403


def test_who_asks_over_the_unix_socket_and_may_not_is_told_which_group_would_let_them(ask: Ask) -> None:
    answer = ask("PUT", "/switch", peer=("dave", 1002, ("users",)))
    assert (
        "dave has no role, and this needs operator, which the option [api] operators gives;"
        " as root: usermod -aG GROUP dave, where GROUP is wheel"
    ) in answer.text


def test_a_login_on_the_unix_socket_goes_before_the_kernels_word(ask: Ask) -> None:
    peer = ("www-data", 33, ("www-data",))
    answer = ask("GET", "/read", peer=peer, auth=httpx.BasicAuth("alice", "pässword"))
    assert (answer.status_code, answer.text.split("@")[0]) == (200, "alice")
    assert ask("GET", "/read", peer=("root", 0, ()), auth=("alice", "wrong")).status_code == 401


def test_without_logins_everybody_is_admin_but_on_the_unix_socket(ask: Ask) -> None:
    answer = ask("POST", "/enrol", "noauth")
    assert (answer.status_code, answer.text) == (200, "anonymous@192.0.2.9 3")
    assert ask("GET", "/read", "noauth", peer=("dave", 1002, ())).status_code == 403
    assert ask("GET", "/read", "noauth", peer=("alice", 1000, ())).text.startswith("alice@")


def test_a_missing_file_of_users_is_known_before_the_start(tmp_path: Path) -> None:
    config = load(tmp_path)
    door.check(config)
    (tmp_path / "htpasswd").unlink()
    with pytest.raises(errors.ConfigError, match="http_basic_auth_user_file"):
        door.check(config)


def test_while_the_file_of_users_is_away_the_answer_is_503(tmp_path: Path, database: Database) -> None:
    config = load(tmp_path)
    (tmp_path / "htpasswd").unlink()
    scope = {"type": "http", "headers": [(b"authorization", b"Basic YTpi")], "client": None}
    with pytest.raises(Fault) as caught:
        asyncio.run(door.make_access(config, Sql(database)).admit(Request(scope), Role.READER))
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "5"})
    assert str(tmp_path) not in caught.value.text


def test_a_reload_takes_new_roles(tmp_path: Path, database: Database) -> None:
    config = load(tmp_path)

    async def run() -> None:
        access = door.make_access(config, Sql(database))
        scope: dict[str, Any] = {
            "type": "http",
            "headers": [],
            "podium.peer": ("alice", 1000, ()),
            "client": None,
        }
        assert (await access.admit(Request(scope), Role.READER)).role == Role.READER
        config.set_override("admins", ["alice"], group="api")
        access.reload()
        assert (await access.admit(Request(scope), Role.READER)).role == Role.ADMIN

    asyncio.run(run())
