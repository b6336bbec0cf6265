"""The application of ``podium-api`` on an SQLite database, asked without a socket."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from podium import conf
from podium.api import app
from podium.api.callers import Caller, Role
from podium.api.operations import OPERATIONS
from podium.api.services import Services
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from templates import prepared

Enrol = Callable[..., list[NodeRecord]]


class Everybody:
    """Lets everybody do what the role may that it has now."""

    role = Role.ADMIN

    async def admit(self, request: Request, role: Role) -> Caller:
        return Caller("alice", "192.0.2.1", self.role)


class Client:
    """Asks the application; every answer is that of a new event loop."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.version = "latest"

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, options))

    async def _ask(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        headers = {"X-OpenStack-Ironic-API-Version": self.version, **options.pop("headers", {})}
        transport = httpx.ASGITransport(self._make(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
            return await client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        """Return what an answer of 200 says."""
        answer = self("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield found
    found.dispose()


@pytest.fixture
def config(tmp_path: Path) -> conf.Config:
    file = tmp_path / "podium.conf"
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[api]\nmax_limit = 5\n")
    return conf.load(["--config-file", str(file)], prog="podium-api")


@pytest.fixture
def everybody() -> Everybody:
    return Everybody()


@pytest.fixture
def http(database: Database, config: conf.Config, everybody: Everybody) -> Client:
    """``http("GET", "/v1/nodes")`` is the answer of an application on ``database``."""
    services = Services(config, Sql(database), Catalog(config, print))
    return Client(lambda: app.create(services, everybody, OPERATIONS))


@pytest.fixture
def enrol(database: Database) -> Enrol:
    """``enrol("n1", "n2", driver="fake")`` creates these nodes and returns them."""

    def create(*names: str, **columns: Any) -> list[NodeRecord]:
        rows = [{"driver": "fake", **columns, "name": name} for name in names]
        with database.write() as connection:
            return api.find_nodes(connection, api.create_nodes(connection, rows))

    return create
