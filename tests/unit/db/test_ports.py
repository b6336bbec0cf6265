"""Ports and chassis: found, in pages, changed, and gone with their node."""

from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.db import api, chassis, ports
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.paging import Order
from podium.db.ports import Wanted

Enrol = Callable[..., list[NodeRecord]]

ALL = Wanted()
FIRST = Order(100)


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def create(database: Database, node: NodeRecord, number: int, name: str | None = None, **noted: Any) -> None:
    values = {"uuid": uuid(number), "address": f"52:54:00:00:00:{number:02x}", "name": name, "record": noted}
    with database.write() as connection:
        ports.create(connection, node.uuid, values)


def numbers(database: Database, wanted: Wanted = ALL, order: Order = FIRST) -> list[int]:
    with database.read() as connection:
        found = ports.page(connection, wanted, order)
    assert found is not None
    return [int(port.uuid[-12:]) for port in found]


@pytest.fixture
def four(database: Database, enrol: Enrol) -> list[NodeRecord]:
    """Four ports of two nodes."""
    (one,), (two,) = enrol("n1", shard="s1"), enrol("n2", conductor_group="east")
    create(database, one, 1, "eth0", physical_network="b", description="To the Left")
    create(database, one, 2, pxe_enabled=False, physical_network="a")
    create(database, two, 3, physical_network="a", vendor=None)
    create(database, two, 4, description="50%")
    return [one, two]


def test_a_port_is_found_by_uuid_address_and_name(database: Database, four: list[NodeRecord]) -> None:
    with database.read() as connection:
        found = [ports.find(connection, one) for one in (uuid(1), "52:54:00:00:00:01", "eth0", "eth1")]
    assert found[0] is not None and found[0].node_uuid == four[0].uuid
    assert found[0].record == {"physical_network": "b", "description": "To the Left"}
    assert found == [found[0]] * 3 + [None]


def test_ports_are_filtered(database: Database, four: list[NodeRecord]) -> None:
    for wanted, found in (
        (Wanted(node=four[1].uuid), [3, 4]),
        (Wanted(address="52:54:00:00:00:02"), [2]),
        (Wanted(shards=["s1", "s2"]), [1, 2]),
        (Wanted(groups=["east"]), [3, 4]),
        (Wanted(contains="THE left"), [1]),
        (Wanted(contains="%"), [4]),
        (Wanted(node=four[1].uuid, contains="left"), []),
    ):
        assert numbers(database, wanted) == found


@pytest.mark.parametrize(
    "key, descending, expected",
    [
        ("id", False, [1, 2, 3, 4]),
        ("id", True, [4, 3, 2, 1]),
        ("physical_network", False, [2, 3, 1, 4]),
        ("physical_network", True, [1, 3, 2, 4]),
        ("vendor", False, [1, 2, 3, 4]),
        ("name", True, [1, 4, 3, 2]),
        ("created_at", False, [1, 2, 3, 4]),
        ("pxe_enabled", False, [2, 1, 3, 4]),
    ],
)
@pytest.mark.usefixtures("four")
def test_pages_of_any_order_follow_each_other(
    database: Database, key: str, descending: bool, expected: list[int]
) -> None:
    assert numbers(database, order=Order(100, None, key, descending)) == expected
    found: list[int] = []
    for _ in expected:
        marker = uuid(found[-1]) if found else None
        found += numbers(database, order=Order(1, marker, key, descending))[:1]
    assert found == expected


def test_a_marker_that_is_not_there_is_told(database: Database) -> None:
    with database.read() as connection:
        assert ports.page(connection, Wanted(), Order(1, uuid(9))) is None
        assert chassis.page(connection, Order(1, uuid(9))) is None


@pytest.mark.usefixtures("four")
def test_an_address_or_name_of_another_port_is_refused(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n3")
    with pytest.raises(errors.NodeConflict):
        create(database, node, 1)
    with pytest.raises(errors.NodeConflict):
        create(database, node, 5, "eth0")
    with pytest.raises(errors.NodeConflict), database.write() as connection:
        ports.update(connection, uuid(2), {"name": "eth0"})
    assert numbers(database) == [1, 2, 3, 4]


def test_a_port_moves_to_another_node(database: Database, four: list[NodeRecord]) -> None:
    with database.write() as connection:
        found = ports.find(connection, uuid(1), to_change=True)
        ports.update(connection, uuid(1), {"node_uuid": four[1].uuid, "record": {"vendor": "acme"}})
        moved = ports.find(connection, uuid(1))
    assert found is not None and moved is not None
    assert (moved.node_uuid, moved.record, moved.name) == (four[1].uuid, {"vendor": "acme"}, "eth0")
    assert found.updated_at is None and moved.updated_at is not None


def test_ports_are_deleted_alone_and_with_their_node(database: Database, four: list[NodeRecord]) -> None:
    with database.write() as connection:
        ports.delete(connection, uuid(3))
        api.delete_node(connection, four[0].id)
    assert numbers(database) == [4]
    with pytest.raises(errors.NodeNotFound):
        create(database, four[0], 5)


def test_a_port_that_is_written_while_its_node_is_deleted_is_deleted_too(
    database: Database, enrol: Enrol, contend: Callable[..., BaseException | None]
) -> None:
    (node,) = enrol("n1")
    values = {"uuid": uuid(1), "address": "52:54:00:00:00:01", "name": None, "record": {}}
    error = contend(
        lambda connection: ports.create(connection, node.uuid, values),
        lambda connection: api.delete_node(connection, node.id),
    )
    assert error is None
    with database.write() as connection:
        assert ports.find(connection, uuid(1)) is None
    create(database, enrol("n2")[0], 1)  # neither UUID nor address is taken by a port that nobody sees


def test_a_chassis_is_written_changed_and_forgotten(database: Database, enrol: Enrol) -> None:
    with database.write() as connection:
        for number in (1, 2, 3):
            chassis.create(connection, {"uuid": uuid(number), "description": f"row {number}", "extra": {}})
        with pytest.raises(errors.NodeConflict), connection.begin_nested():
            chassis.create(connection, {"uuid": uuid(1), "description": None, "extra": {}})
        chassis.update(connection, uuid(1), {"description": None, "extra": {"a": 1}})
        found = chassis.find(connection, uuid(1), to_change=True)
        page = chassis.page(connection, Order(1, uuid(2), "description"))
    assert found is not None and page is not None
    assert (found.description, found.extra) == (None, {"a": 1})
    assert [int(one.uuid[-12:]) for one in page] == [3, 1]
    enrol("n1", chassis_uuid=uuid(1))
    with database.write() as connection:
        assert [chassis.has_nodes(connection, uuid(number)) for number in (1, 2)] == [True, False]
        chassis.delete(connection, uuid(2))
        assert chassis.find(connection, uuid(2)) is None
