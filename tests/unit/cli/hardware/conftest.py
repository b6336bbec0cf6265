"""Nodes whose hardware is read, and a conductor that has them."""

import pytest

import readers
from podium.db import api
from podium.db.engine import Database
from podium.db.worker import Worker


@pytest.fixture
def owner(database: Database) -> Worker:
    """The conductor that has the nodes n1 to n3."""
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2", "n3")])
    return readers.owner(database)
