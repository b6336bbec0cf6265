"""Every operation, asked with every role and with none."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from podium import conf
from podium.api import app
from podium.api.access import door
from podium.api.callers import Role
from podium.api.operations import OPERATIONS
from podium.api.routing import Operation
from podium.api.services import Services
from podium.api.sql import Sql
from podium.client.calls.hardware import AskHardware
from podium.client.enrolling.catalog import Catalog
from podium.db.engine import Database

#: Users of the Unix socket by the role that they have; "stranger" has none.
USERS = {None: "stranger", Role.READER: "ruth", Role.OPERATOR: "otto", Role.ADMIN: "anna"}


async def fine(_request: Request) -> Response:
    return PlainTextResponse("")


def ask(database: Database, config: conf.Config, user: str | None, asked: list[Operation]) -> list[int]:
    """The statuses of requests for all operations, whose handlers do nothing."""
    for role, name in USERS.items():
        if role is not None:
            config.set_override(f"{role.word}s", [name], group="api")

    async def run() -> list[int]:
        services = Services(config, Sql(database), Catalog(config, print))
        silent = [replace(one, handler=fine) for one in OPERATIONS]
        inner = app.create(services, door.make_access(config, services.sql), silent)

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            if user is not None:
                scope["podium.peer"] = user, 1000, ()
            await inner(scope, receive, send)

        headers = {"X-OpenStack-Ironic-API-Version": "latest"}
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [
                (await client.request(one.method, _filled(one.path), headers=headers)).status_code
                for one in asked
            ]

    return asyncio.run(run())


def _filled(path: str) -> str:
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("role", list(USERS))
def test_each_role_may_do_what_needs_it_or_less(
    database: Database, config: conf.Config, role: Role | None
) -> None:
    found = ask(database, config, USERS[role], list(OPERATIONS))
    for operation, status in zip(OPERATIONS, found, strict=True):
        may = operation.role is None or (role is not None and role >= operation.role)
        assert (status == 200) is may, operation
        assert may or status == 403, operation


def test_without_a_login_only_what_needs_no_role_is_answered(database: Database, config: conf.Config) -> None:
    found = ask(database, config, None, list(OPERATIONS))
    for operation, status in zip(OPERATIONS, found, strict=True):
        assert status == (200 if operation.role is None else 401), operation


def test_a_head_needs_what_a_get_needs(database: Database, config: conf.Config) -> None:
    heads = [replace(one, method="HEAD") for one in OPERATIONS if one.method == "GET"]
    for operation, status in zip(heads, ask(database, config, None, heads), strict=True):
        assert status == (200 if operation.role is None else 401), operation


def documented(operation: Operation) -> str:
    """The role of an operation in the table of the docs."""
    text = (Path(__file__).parents[3] / "docs/api.md").read_text()
    table = text.partition("| request | least role |\n|---|---|\n")[2].partition("\n\n")[0]
    path = re.sub(r"{(\w+)(?::\w+)?}", lambda name: name[1].upper(), operation.path)
    for line in table.splitlines():
        _, requests, role, _ = map(str.strip, line.split("|"))
        methods = re.findall(r"`([A-Z]+)\b", requests)
        paths = re.findall(r"(/[^`,]*)`", requests)
        if operation.method in methods and (path in paths or requests.endswith("of anything else")):
            return role.strip("`")
    return "not there"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_the_docs_name_the_role_of_every_operation(operation: Operation) -> None:
    found = operation.role.word if operation.role else "none, and no login"
    assert documented(operation) == found


def test_a_reader_changes_nothing() -> None:
    for operation in OPERATIONS:
        if operation.role in (None, Role.READER):
            call = operation.call
            is_safe = call is not None and (call.method == "GET" or issubclass(call, AskHardware))
            is_login = operation.path == "/podium/v1/session"
            assert is_safe or is_login or operation.method == "GET", operation
