"""Secrets are encrypted in the database, open in Python, and shown as before."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa

from podium import errors, masking
from podium.db import api, chassis, fleet, models, node_list, ports, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, names_in
from podium.db.paging import Order
from podium.db.sealed import Sealing, Unreadable, as_sealed

RING: Final = Keyring([bytes(32), bytes(range(32))])
FIRST, SECOND = RING.names
INFO: Final = {"ipmi_address": "10.0.0.1", "ipmi_password": "calvin", "pin": 1234}
DOCUMENTS: Final = ("driver_info", "driver_internal_info", "properties", "extra", "record")

Open = Callable[[Keyring], Database]


@pytest.fixture
def opened(database: Database) -> Iterator[Open]:
    """``opened(keyring)`` is the database for a program with these keys."""
    found: list[Database] = []

    def make(keyring: Keyring) -> Database:
        sealing = Sealing(keyring, lambda: frozenset({"pin"}), "/keys")
        found.append(Database(database.url, sealing=sealing))
        return found[-1]

    yield make
    for one in found:
        one.dispose()


@pytest.fixture
def sealing(opened: Open) -> Database:
    """The database, which encrypts."""
    found = opened(RING)
    with found.write() as connection:
        assert secret_keys.begin(connection, RING) == (FIRST, 0)
    return found


def enrol(database: Database, *names: str, **columns: Any) -> list[api.NodeRecord]:
    rows = [{"driver": "fake", "driver_info": INFO, **columns, "name": name} for name in names]
    with database.write() as connection:
        return api.find_nodes(connection, api.create_nodes(connection, rows))


def stored(database: Database, name: str = "n1") -> dict[str, Any]:
    query = sa.select(*(as_sealed(models.nodes.c[one]).label(one) for one in DOCUMENTS))
    with database.read() as connection:
        return dict(connection.execute(query.where(models.nodes.c.name == name)).mappings().one())


def test_every_document_of_a_node_is_encrypted_and_read_as_it_was(sealing: Database) -> None:
    documents = {
        "driver_info": INFO,
        "driver_internal_info": {"session_token": ["a", 1]},
        "properties": {"url": "https://root:calvin@bmc/"},
        "extra": {"note": "has fernet! in it"},
        "record": {"network_data": {"password": "calvin"}},
    }
    (node,) = enrol(sealing, "n1", **documents)
    assert {name: getattr(node, name) for name in DOCUMENTS} == documents
    found = stored(sealing)
    assert all(names_in(str(document)) == {FIRST} for document in found.values())
    assert "calvin" not in str(found)
    assert found["driver_info"]["ipmi_address"] == "10.0.0.1"
    assert names_in(found["driver_info"]["pin"]) == {FIRST}


def test_what_was_written_before_there_was_a_key_is_read_and_sealed_when_it_is_written_anew(
    opened: Open,
) -> None:
    plain = opened(RING)
    (node,) = enrol(plain, "n1")
    assert stored(plain)["driver_info"] == INFO
    with plain.write() as connection:
        assert secret_keys.begin(connection, RING) == (FIRST, 1)
    with plain.write() as connection:
        assert api.find_nodes(connection, ["n1"]) == [node]
        api.update_node(connection, node.id, {"driver_info": {**INFO, "ipmi_username": "root"}})
    assert names_in(stored(plain)["driver_info"]["ipmi_password"]) == {FIRST}


def test_a_program_that_runs_follows_which_key_encrypts(sealing: Database, opened: Open) -> None:
    new = opened(Keyring([bytes([7] * 32), bytes(32)]))
    enrol(new, "n1")
    assert names_in(str(stored(sealing)["driver_info"])) == {FIRST}
    assert new.sealing is not None
    with new.write() as connection:
        begun = secret_keys.begin(connection, new.sealing.keyring)
    assert begun == (new.sealing.keyring.names[0], 0)
    later = opened(new.sealing.keyring)
    enrol(later, "n2")
    assert names_in(str(stored(sealing, "n2")["driver_info"])) == {begun.name}
    with later.read() as connection:
        assert [one.driver_info for one in api.find_nodes(connection, ["n1", "n2"])] == [INFO, INFO]


def test_lists_are_the_same_without_a_key(sealing: Database, database: Database) -> None:
    enrol(sealing, "n1")
    with database.read() as connection:
        (row,) = node_list.select_nodes(connection, ["driver_info"], sealed=True)
    hidden = frozenset({"pin"})
    assert masking.mask(row["driver_info"], hidden) == masking.mask(INFO, hidden)


def test_one_node_that_cannot_be_opened_does_not_stop_the_others(sealing: Database, opened: Open) -> None:
    broken, whole = enrol(sealing, "n1", "n2")
    damaged = {"ipmi_password": f"fernet!{SECOND}!none"}
    with sealing.write() as connection:
        raw = sa.table("nodes", sa.column("id"), sa.column("driver_info", sa.JSON))
        connection.execute(sa.update(raw).where(raw.c.id == broken.id).values(driver_info=damaged))
    with sealing.write() as connection:
        found = {one.id: one for one in fleet.load(connection, [broken.id, whole.id])}
        assert found[whole.id].driver_info == INFO
        assert isinstance(found[broken.id].driver_info, Unreadable)
        with pytest.raises(errors.InvalidDriverInfo, match=f"the key {SECOND} is damaged: set it anew"):
            found[broken.id].driver_info["ipmi_password"]
        patches = {one: {"driver_info": {"x": 1}} for one in (broken.id, whole.id)}
        assert list(fleet.record_patches(connection, patches)) == [whole.id]
    with pytest.raises(errors.SecretUnreadable), sealing.write() as connection:
        api.update_node(connection, whole.id, {"driver_info": found[broken.id].driver_info})
    assert stored(sealing)["driver_info"] == damaged


def test_who_lacks_a_key_that_is_in_use_writes_no_secrets(sealing: Database, opened: Open) -> None:
    without = opened(Keyring([bytes([9] * 32)]))
    with pytest.raises(errors.SecretUnreadable, match=f"with the key {FIRST}, not in /keys"):
        enrol(without, "n1")
    enrol(without, "n2", driver_info={"ipmi_address": "10.0.0.1"})
    with (
        pytest.raises(errors.ConfigError, match=f"with the key {FIRST}, not in /keys; put the key file back"),
        without.read() as connection,
    ):
        secret_keys.check(connection, without.sealing)


def test_a_plain_database_takes_no_text_that_it_would_open_later(opened: Open) -> None:
    with pytest.raises(errors.BadRequest, match="would be taken for an encrypted secret"):
        enrol(opened(Keyring()), "n1", extra={"a": ["b", f"fernet!{FIRST}!x"]})


def test_ports_chassis_and_changes_of_credentials_are_encrypted(
    sealing: Database, database: Database
) -> None:
    (node,) = enrol(sealing, "n1")
    noted = {"extra": {"api_key": "calvin", "note": "fernet! it is"}}
    old, new = {"ipmi_password": "calvin"}, {"ipmi_password": "changed"}
    change = {"request_id": 1, "operation_id": 1, "node_id": node.id, "node_uuid": node.uuid, "on_bmc": False}
    with sealing.write() as connection:
        port = {"uuid": "p", "address": "52:54:00:00:00:01", "name": None, "record": noted}
        ports.create(connection, node.uuid, port)
        chassis.create(connection, {"uuid": "c", "description": None, **noted})
        changes = models.credential_changes
        connection.execute(
            sa.insert(changes).values(**change, state="asked", driver="fake", new=new, old=old)
        )
    order = Order(10)
    with sealing.read() as connection:
        assert [one.record for one in ports.page(connection, ports.Wanted(), order) or ()] == [noted]
        assert [one.extra for one in chassis.page(connection, order) or ()] == [noted["extra"]]
        assert connection.execute(sa.select(changes.c.old, changes.c.new)).one() == (old, new)
    with database.read() as connection:
        for table, column in (("ports", "record"), ("chassis", "extra"), ("credential_changes", "old")):
            text = connection.scalars(sa.text(f"SELECT {column} FROM {table}")).one()
            assert names_in(str(text)) == {FIRST}
            assert "calvin" not in str(text)


def test_what_was_encrypted_before_its_transaction_is_written_as_it_is(sealing: Database) -> None:
    (node,) = enrol(sealing, "n1")
    assert sealing.sealing is not None
    prepared = sealing.sealing.prepared({**INFO, "ipmi_password": "new"})
    assert prepared == {**INFO, "ipmi_password": "new"}
    with sealing.write() as connection:
        api.update_node(connection, node.id, {"driver_info": prepared})
    assert names_in(stored(sealing)["driver_info"]["ipmi_password"]) == {FIRST}
    with sealing.read() as connection:
        assert api.find_nodes(connection, ["n1"])[0].driver_info == prepared


def test_what_was_encrypted_with_a_key_that_is_not_in_use_any_more_is_encrypted_anew(
    sealing: Database, opened: Open
) -> None:
    (node,) = enrol(sealing, "n1")
    other = Keyring([bytes(range(32)), bytes(32)])
    late = opened(other)
    assert late.sealing is not None
    late.sealing.note([FIRST])
    prepared = late.sealing.prepared({**INFO, "ipmi_password": "new"})
    with late.write() as connection:
        secret_keys.begin(connection, other)
    late.sealing.note([FIRST, SECOND])
    with late.write() as connection:
        api.update_node(connection, node.id, {"driver_info": prepared})
    assert names_in(stored(late)["driver_info"]["ipmi_password"]) == {SECOND}


def test_nothing_is_prepared_where_nothing_is_encrypted(opened: Open) -> None:
    plain = opened(RING)
    assert plain.sealing is not None
    assert type(plain.sealing.prepared(INFO)) is dict
