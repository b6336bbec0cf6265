"""A database whose key is lost can be used again, and no hardware is sent a wrong password."""

from collections.abc import Callable

import pytest

from keys import LOST, NEW, enrol, stored
from podium import errors
from podium.db import api, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, key_name
from podium.db.resealing import loss
from podium.db.resealing.documents import Secrets
from podium.db.resealing.tally import tally
from podium.drivers.driver_info import parse
from podium.drivers.fake import FakeDriver

INFO = {"fake_password": "hunter2", "fake_latency": 0}

Sealed = Callable[..., Database]


pytestmark = pytest.mark.mariadb_long


@pytest.fixture
def filled(database: Database, sealed: Sealed) -> Database:
    lost = sealed(LOST)
    saved = {"session_token": "abc", "events": True}
    enrol(lost, "n1", "n2", driver_info=INFO, driver_internal_info=saved, extra={"url": "https://a:b@host"})
    enrol(lost, "n3", driver_info={"fake_latency": 0}, driver_internal_info=saved)
    enrol(sealed(NEW, LOST), "n4", driver_info=INFO)
    return database


def forget(database: Database) -> list[str]:
    return loss.forget(database, key_name(LOST), lambda *_: None)


def test_what_only_the_lost_key_opens_is_gone_and_all_else_stays(filled: Database, sealed: Sealed) -> None:
    assert forget(filled) == ["n1", "n2"]
    assert key_name(LOST) not in stored(filled)
    with sealed(NEW).read() as connection:
        assert secret_keys.in_use(connection) == (key_name(NEW),)
        found = {node.name: node for node in api.list_nodes(connection)}
    assert found["n1"].driver_info == {"fake_password": "******", "fake_latency": 0}
    assert found["n1"].extra == {"url": "https://a:******@host"}
    assert found["n3"].driver_internal_info == {"events": True}
    assert found["n4"].driver_info == INFO


def test_conductors_see_that_the_nodes_changed(filled: Database) -> None:
    with filled.read() as connection:
        before = {node.name: node.version for node in api.list_nodes(connection)}
    forget(filled)
    with filled.read() as connection:
        after = {node.name: node.version for node in api.list_nodes(connection)}
    assert {name for name in after if after[name] > before[name]} == {"n1", "n2", "n3"}


def test_a_driver_refuses_what_stands_in_the_place_of_a_password(filled: Database, sealed: Sealed) -> None:
    forget(filled)
    with sealed(NEW).read() as connection:
        (node,) = api.list_nodes(connection, name="n1")
    with pytest.raises(errors.InvalidDriverInfo, match="fake_password is \\*{6}.*set the secret itself"):
        parse(FakeDriver.properties, node.driver_info)


def test_what_is_lost_does_not_count_as_plain_text(filled: Database) -> None:
    forget(filled)
    secrets = Secrets(["fake_password"])
    assert [one.key for one in tally(filled, secrets, lambda *_: None)] == [key_name(NEW)]
    enrol(filled, "n5", driver_info={"fake_latency": 0})
    with filled.write() as connection:
        secret_keys.end(connection, [key_name(NEW)])
        begun = secret_keys.begin(connection, Keyring([NEW]))
    assert begun is not None and begun.plain == 3  # all but n1 and n2


def test_what_is_lost_is_found_when_its_node_was_written_since(filled: Database, sealed: Sealed) -> None:
    forget(filled)
    with sealed(NEW).write() as connection:
        (node,) = api.list_nodes(connection, name="n1")
        api.update_node(connection, node.id, {"driver_info": {**node.driver_info, "fake_latency": 1}})
        api.update_node(connection, node.id, {"extra": {**node.extra, "rack": "r1"}})
        assert loss.lacking(connection) == ["n1", "n2"]
    assert stored(filled).count("******") == 4


def test_it_is_finished_when_it_was_broken_off(filled: Database) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loss.forget(filled, key_name(LOST), stop)
    assert forget(filled) == ["n1", "n2"]


def test_it_is_known_whether_anything_needs_a_key(filled: Database) -> None:
    with filled.read() as connection:
        assert [loss.needs(connection, key_name(key)) for key in (LOST, NEW, b"x" * 32)] == [
            True,
            True,
            False,
        ]
    forget(filled)
    with filled.read() as connection:
        assert not loss.needs(connection, key_name(LOST))
