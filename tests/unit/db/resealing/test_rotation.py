"""Secrets are encrypted with another key while others work with the database, and nothing is lost."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from keys import LOST, NEW, OLD, SECRETS, enrol, stored
from podium import errors
from podium.db import api, chassis, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, key_name
from podium.db.models import nodes
from podium.db.resealing.documents import Secrets
from podium.db.resealing.places import PLACES
from podium.db.resealing.rotation import Rotation

BOTH = Keyring([NEW, OLD])
INFO = {"fake_password": "hunter2", "fake_latency": 0}
CHASSIS = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

Sealed = Callable[..., Database]


class Clock:
    """Time that passes while somebody sleeps, when something may be done meanwhile."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.now = 0.0
        self.meanwhile = meanwhile

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()


def rotation(database: Database, secrets: Secrets = SECRETS, clock: Clock | None = None) -> Rotation:
    database.written(lambda connection: secret_keys.begin(connection, BOTH))
    clock = clock or Clock()
    return Rotation(database, secrets, BOTH, key_name(NEW), clock=clock, sleep=clock.sleep)


def rotate(database: Database) -> int:
    return rotation(database).run(lambda *_: None)


def infos(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {node.name: node.driver_info for node in api.list_nodes(connection)}


def in_use(database: Database) -> list[str]:
    with database.read() as connection:
        return list(secret_keys.in_use(connection))


@pytest.fixture
def filled(database: Database, sealed: Sealed) -> Database:
    """Nodes and a chassis with secrets, some in plain text and others encrypted with a key."""
    enrol(database, "n1", driver_info=INFO, extra={"token": "hunter2", "url": "https://a:hunter2@host"})
    old = sealed(OLD)
    enrol(old, "n2", "n3", driver_info=INFO)
    with old.write() as connection:
        values = {"uuid": CHASSIS, "description": None, "extra": {"snmp_community": "hunter2"}}
        chassis.create(connection, values)
    return database


def test_every_table_with_secrets_is_looked_through() -> None:
    found = {place.table.name: {column.name for column in place.columns} for place in PLACES}
    assert found == {
        "nodes": {"driver_info", "driver_internal_info", "properties", "extra", "record"},
        "chassis": {"extra"},
        "ports": {"record"},
        "credential_changes": {"new", "old"},
    }


def test_all_is_encrypted_with_the_new_key_and_the_old_one_is_not_in_use(
    filled: Database, sealed: Sealed
) -> None:
    assert rotate(filled) == 4
    text = stored(filled)
    assert "hunter2" not in text
    assert key_name(OLD) not in text
    assert in_use(filled) == [key_name(NEW)]
    assert infos(sealed(NEW)) == {"n1": INFO, "n2": INFO, "n3": INFO}
    assert rotate(filled) == 0


def test_no_conductor_has_to_load_a_node_anew(filled: Database) -> None:
    filled.written(lambda connection: secret_keys.begin(connection, BOTH))
    query = sa.select(nodes.c.id, nodes.c.version, nodes.c.updated_at).order_by(nodes.c.id)
    with filled.read() as connection:
        before = connection.execute(query).all()
    assert rotate(filled) == 4
    with filled.read() as connection:
        assert connection.execute(query).all() == before


class Meddling(Secrets):
    """Does something once, between reading and writing."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(())
        self._work: Callable[[], object] | None = work

    def may_be_in(self, text: str) -> bool:
        work, self._work = self._work, None
        if work is not None:
            work()
        return super().may_be_in(text)


def test_what_somebody_sets_meanwhile_is_not_lost(filled: Database, sealed: Sealed) -> None:
    behind = sealed(OLD)

    def set_password() -> None:
        with behind.write() as connection:
            (node,) = api.find_nodes(connection, ["n2"])
            api.update_node(connection, node.id, {"driver_info": {"fake_password": "another"}})

    rotation(filled, Meddling(set_password)).run(lambda *_: None)
    found = infos(sealed(NEW))
    assert found["n2"] == {"fake_password": "another"}
    assert found["n3"] == INFO
    assert key_name(OLD) not in stored(filled)


def test_a_letter_that_only_became_a_capital_is_a_change(database: Database, sealed: Sealed) -> None:
    enrol(database, "n1", driver_info={"fake_password": "hunter2"})

    def set_password() -> None:
        with database.write() as connection:
            (node,) = api.find_nodes(connection, ["n1"])
            api.update_node(connection, node.id, {"driver_info": {"fake_password": "HUNTER2"}})

    rotation(database, Meddling(set_password)).run(lambda *_: None)
    assert infos(sealed(NEW)) == {"n1": {"fake_password": "HUNTER2"}}


def test_who_still_uses_the_old_key_for_a_moment_is_waited_for(filled: Database, sealed: Sealed) -> None:
    behind = sealed(OLD)  # which has seen what is in use, and looks again later
    with behind.write():
        pass
    clock = Clock(lambda: enrol(behind, "late", driver_info=INFO))
    rotation(filled, clock=clock).run(lambda *_: None)
    assert infos(sealed(NEW))["late"] == INFO
    assert in_use(filled) == [key_name(NEW)]


def test_it_goes_on_where_it_was_broken_off(filled: Database, sealed: Sealed) -> None:
    for most in itertools.count():
        steps = itertools.count()

        def stop(*_: int, most: int = most, steps: Iterator[int] = steps) -> None:
            if next(steps) == most:
                raise KeyboardInterrupt

        try:
            rotation(filled).run(stop)
            break
        except KeyboardInterrupt:
            assert infos(sealed(NEW, OLD)) == {"n1": INFO, "n2": INFO, "n3": INFO}
    assert most > 3
    assert infos(sealed(NEW)) == {"n1": INFO, "n2": INFO, "n3": INFO}
    assert in_use(filled) == [key_name(NEW)]


def test_a_secret_that_cannot_be_decrypted_stays_and_is_named(filled: Database, sealed: Sealed) -> None:
    broken = {"fake_password": Keyring([LOST]).encrypt("x", key_name(LOST))}
    with filled.write() as connection:
        number = connection.scalars(sa.select(nodes.c.id).where(nodes.c.name == "n1")).one()
        connection.execute(sa.update(nodes).where(nodes.c.id == number).values(driver_info=broken))
    run = rotation(filled)
    assert run.run(lambda *_: None) == 4
    assert run.unreadable == {("nodes", number)}
    assert infos(sealed(NEW))["n2"] == INFO


def test_those_who_go_on_with_another_key_are_not_run_after_for_ever(
    filled: Database, sealed: Sealed
) -> None:
    run = rotation(filled)

    def undo(done: int, total: int) -> None:
        if done == total:
            with filled.write() as connection:
                connection.execute(sa.update(nodes).values(extra={"token": "plain"}))

    with pytest.raises(errors.DatabaseBusy, match="others go on to write secrets with another key"):
        run.run(undo)
