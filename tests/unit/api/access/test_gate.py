"""Who may ask: passwords, tokens, users of this host, roles, names of the server."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest

from podium import conf, errors
from podium.api import app
from podium.api.access.gate import Gate
from podium.api.access.slowing import Slowing
from podium.api.callers import Role
from podium.api.operations import OPERATIONS
from podium.api.routing import Operation
from podium.api.services import Services
from podium.api.serving.peers import PEER
from podium.api.sql import Sql
from podium.client.catalog import Catalog
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

    def ask(self, *requests: dict[str, Any]) -> list[httpx.Response]:
        """Answer requests in one loop, one after the other."""
        return asyncio.run(self._ask(requests))

    async def _ask(self, requests: Any) -> list[httpx.Response]:
        sql = Sql(self.database)
        gate = Gate(self.config, sql, lambda: self.now)
        inner = app.create(Services(self.config, sql, Catalog(self.config, print)), gate, OPERATIONS)

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
                    gate.reload()
                    continue
                options = {"method": "GET", "url": "/v1/nodes", **one}
                found.append(await client.request(**options))
        await asyncio.sleep(0)
        gate.close()
        return found

    def status(self, **options: Any) -> int:
        return self.ask(options)[0].status_code


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    return World(tmp_path, database)


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


def test_a_password_that_was_right_is_not_checked_again_until_it_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *given: checks.append(1) or real(*given))
    again = {"auth": ("rita", "rita-pw")}

    def change() -> None:
        world.users.write_text(line("rita", "new-password"))

    answers = world.ask(again, again, again, change, again, {"auth": ("rita", "new-password")})
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 200]
    assert len(checks) == 3


def test_wrong_lines_are_left_out_and_named_by_their_number(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.users.write_text("# users\nrita:plaintext\n" + line("rita", "rita-pw", "$2a$"))
    assert world.status(auth=("rita", "rita-pw")) == 200
    assert "line 2" in caplog.text and "plaintext" not in caplog.text


def test_without_the_file_the_remedy_is_named(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path, database)
    world.users.unlink()
    with pytest.raises(errors.ConfigError, match="http_basic_auth_user_file = .*htpasswd -B -c"):
        world.status(auth=("rita", "rita-pw"))


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
        world.now += 6

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


def test_a_page_of_another_origin_may_not_write(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path, database, strategy="noauth")
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://localhost", 404)):
        answer = world.ask({"method": "DELETE", "url": "/v1/nodes/ghost", "headers": {"Origin": origin}})[0]
        assert answer.status_code in (status, 405)
        assert (answer.status_code == 403) == (status == 403) or answer.status_code == 405


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


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_every_operation_is_refused_below_its_role(world: World, operation: Operation) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    for name, role in ROLES.items():
        headers = {"X-OpenStack-Ironic-API-Version": "latest"}
        asked = {"method": operation.method, "url": path, "auth": (name, f"{name}-pw"), "headers": headers}
        (answer,) = world.ask(asked)
        suffices = operation.role is None or (role is not None and role >= operation.role)
        assert (answer.status_code == 403) is not suffices, f"{name}: {answer.text}"
    (answer,) = world.ask({"method": operation.method, "url": path})
    assert (answer.status_code == 401) is (operation.role is not None)


def test_logins_that_fail_wait_longer_each_time(world: World) -> None:
    waited: list[float] = []
    now = [0.0]

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    async def check() -> bool:
        return False

    async def story() -> None:
        slowing = Slowing(lambda: now[0], sleep)
        for _ in range(8):
            await slowing.attempt("192.0.2.1", check)
        await slowing.attempt("192.0.2.2", check)

    asyncio.run(story())
    assert waited == sorted(waited) and len(waited) == 7
    assert waited[0] < 1 and waited[-1] == 8
