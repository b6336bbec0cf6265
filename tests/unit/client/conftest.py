"""Podium as people ask it: on a database, and over HTTP to a server in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heads import Head
from podium import conf
from podium.client.local.asynchronous import AsyncLocal
from podium.client.local.local import Local
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote.remote import AsyncRemote, Remote
from podium.client.remote.server import Server
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from served import Everybody, served
from templates import prepared

Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield found
    found.dispose()


@pytest.fixture
def config(tmp_path: Path) -> conf.Config:
    file = tmp_path / "podium.conf"
    url = f"sqlite:///{tmp_path / 'podium.sqlite'}"
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[database]\nconnection = {url}\n")
    return conf.load(["--config-file", str(file)], prog="podium")


@pytest.fixture
def enrol(database: Database) -> Enrol:
    """``enrol("n1", "n2", driver="fake")`` creates these nodes and returns them."""

    def create(*names: str, **columns: Any) -> list[NodeRecord]:
        rows = [{"driver": "fake", **columns, "name": name} for name in names]
        with database.write() as connection:
            return api.find_nodes(connection, api.create_nodes(connection, rows))

    return create


@pytest.fixture
def head(database: Database) -> Head:
    """``head.carrying_out({})`` is a conductor that does what is asked."""
    return Head(database)


@pytest.fixture
def warnings() -> list[str]:
    """What the clients of a test have warned of."""
    return []


@pytest.fixture
def everybody() -> Everybody:
    """Who asks; ``everybody.role`` is what that person may do over HTTP."""
    return Everybody()


@pytest.fixture
def server(tmp_path: Path, config: conf.Config, database: Database, everybody: Everybody) -> Iterator[Server]:
    socket = tmp_path / "api.sock"
    with served(config, str(database.url), socket, everybody):
        yield Server(url=f"unix:{socket}")


@pytest.fixture(params=["local", "remote"])
def podium(
    request: pytest.FixtureRequest, config: conf.Config, database: Database, warnings: list[str]
) -> Iterator[Podium]:
    """Podium on the database and over HTTP, in turn."""
    found: Podium
    if request.param == "local":
        found = Local(config, warn=warnings.append)
    else:
        found = Remote(request.getfixturevalue("server"), warn=warnings.append)
    with found:
        yield found


@pytest.fixture(params=["local", "remote"])
def async_podium(
    request: pytest.FixtureRequest, config: conf.Config, database: Database
) -> Callable[[], AsyncPodium]:
    """Makes Podium for an event loop, on the database and over HTTP in turn."""
    if request.param == "local":
        return lambda: AsyncLocal(config)
    server = request.getfixturevalue("server")
    return lambda: AsyncRemote(server)
