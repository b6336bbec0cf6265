"""Databases as those see them who have some keys."""

from collections.abc import Callable, Iterator

import pytest

from podium.db import secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.sealed import Sealing

Sealed = Callable[..., Database]


@pytest.fixture
def sealed(database: Database) -> Iterator[Sealed]:
    """``sealed(NEW, OLD)`` is the database as who has these keys sees it, and has begun to use the first."""
    made: list[Database] = []

    def make(*keys: bytes) -> Database:
        sealing = Sealing(Keyring(keys), frozenset)
        made.append(Database(database.url, sealing=sealing))
        with made[-1].write() as connection:
            secret_keys.begin(connection, sealing.keyring)
            sealing.note(secret_keys.in_use(connection))
        return made[-1]

    yield make
    for one in made:
        one.dispose()
