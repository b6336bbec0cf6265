"""What is encrypted with which key is counted without any key."""

from collections.abc import Callable

import pytest

from keys import NEW, OLD, SECRETS, enrol
from podium.db.engine import Database
from podium.db.keyring import key_name
from podium.db.resealing.tally import Tally, tally

INFO = {"fake_password": "hunter2", "fake_latency": 0, "token": ""}

Sealed = Callable[..., Database]


pytestmark = pytest.mark.mariadb_long


@pytest.fixture
def found(database: Database, sealed: Sealed) -> list[Tally]:
    enrol(database, "n1", driver_info=INFO, extra={"url": "https://user:hunter2@host", "community": "******"})
    enrol(sealed(OLD), "n2", "n3", driver_info=INFO)
    enrol(sealed(NEW, OLD), "n4", driver_info=INFO)
    return tally(database, SECRETS, lambda *_: None)


def test_each_secret_counts_by_its_key(found: list[Tally]) -> None:
    assert [(one.key, dict(one.counts)) for one in found] == [
        (key_name(OLD), {"nodes": 2}),
        (key_name(NEW), {"nodes": 1}),
        (None, {"nodes": 2}),
    ]


def test_it_is_said_since_when_a_key_is_in_use(found: list[Tally]) -> None:
    old, new, plain = (one.since for one in found)
    assert old is not None
    assert new is not None
    assert old <= new
    assert plain is None


def test_a_database_without_secrets_has_none(database: Database) -> None:
    enrol(database, "n1", driver_info={"fake_latency": 0})
    assert tally(database, SECRETS, lambda *_: None) == []
