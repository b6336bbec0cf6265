"""Nodes of a subnet are taken from a conductor, stay with others, and are given back."""

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
import sqlalchemy as sa

from crews import enter, settle
from podium import errors
from podium.db import api, avoidances, models, slots, subnets
from podium.db.api import NodeRecord
from podium.db.endpoints import SLOTS
from podium.db.engine import Database
from podium.db.members import leave
from podium.db.subnets import Avoidance, Places, address_of

Enrol = Callable[..., list[NodeRecord]]

NEAR, FAR = ip_network("10.0.0.0/24"), ip_network("10.0.1.0/24")


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:6230", "10.0.0.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8443", "2001:db8::1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("bmc7", None),
        ("bmc7:623", None),
        ("acme:10.0.0.1", None),
        ("", None),
    ],
)
def test_an_endpoint_has_an_address_or_a_name(endpoint: str, address: str | None) -> None:
    assert str(address_of(endpoint)) == str(address)


def test_of_several_subnets_the_smallest_counts() -> None:
    found = [Avoidance("10.0.0.0/8", "c1", 0), Avoidance("10.0.1.0/24", "c2", 1), Avoidance("::/0", "c3", 2)]
    places = Places(found)

    def number(endpoint: str | None) -> int:
        return (places.slot(endpoint, "uuid") - SLOTS) // subnets.PER_SUBNET

    assert [number(one) for one in ("10.9.9.9", "10.0.1.7:6230", "[2001:db8::1]")] == [0, 1, 2]
    assert all(number(one) < 0 for one in ("192.0.2.1", "bmc7", None))


# In a database


@pytest.fixture
def fleet(database: Database) -> Callable[[], dict[str, Counter[str]]]:
    """Two conductors with forty nodes in each of two subnets; counts by subnet and host."""
    endpoints = [f"{subnet}.{number}" for subnet in ("10.0.0", "10.0.1") for number in range(40)]
    with database.write() as connection:
        rows = [{"driver": "fake", "name": f"n{one}", "endpoint": one} for one in endpoints]
        api.create_nodes(connection, rows)
    settle(database, enter(database, "c1"), enter(database, "c2"))

    def counts() -> dict[str, Counter[str]]:
        nodes, members = models.nodes, models.members
        joined = nodes.outerjoin(models.slots, slots.OF_NODE)
        joined = joined.outerjoin(members, members.c.id == models.slots.c.owner)
        query = sa.select(nodes.c.endpoint, members.c.host).select_from(joined)
        found: dict[str, Counter[str]] = {"10.0.0": Counter(), "10.0.1": Counter()}
        with database.read() as connection:
            for endpoint, host in connection.execute(query):
                found[endpoint.rpartition(".")[0]][host] += 1
        return found

    return counts


def generation(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalars(sa.select(models.change_counter.c.generation)).one())


def settle_all(database: Database) -> None:
    """Have everybody acknowledge, and make the generation that is due then."""
    number = generation(database)
    with database.write() as connection:
        connection.execute(sa.update(models.members).values(acknowledged=number))
        slots.make_generation(connection)


def test_the_nodes_of_an_avoided_subnet_go_to_others(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]]
) -> None:
    before = generation(database)
    assert avoidances.avoid(database, "c1", NEAR) == 40
    assert generation(database) == before + 1, "in one transaction that makes a generation"
    counts = fleet()
    assert counts["10.0.0"] == {"c2": 40}
    assert counts["10.0.1"]["c1"] > 20, "and the others make up for it"
    assert avoidances.avoid(database, "c1", NEAR) is None, "again it changes nothing"
    assert generation(database) == before + 1


def test_the_nodes_come_back_when_the_subnet_is_no_longer_avoided(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]]
) -> None:
    before = fleet()
    with database.read() as connection:
        numbers = {node.name: node.slot for node in api.list_nodes(connection)}
    avoidances.avoid(database, "c1", NEAR)
    assert avoidances.unavoid(database, "c1", NEAR) == 40
    assert avoidances.unavoid(database, "c1", NEAR) is None
    with database.read() as connection:
        assert {node.name: node.slot for node in api.list_nodes(connection)} == numbers
        assert not subnets.listed(connection)
    settle_all(database)
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.max(models.slots.c.slot))) == SLOTS - 1
    counts = fleet()
    assert sum(counts["10.0.0"].values()) == sum(before["10.0.0"].values())
    assert counts["10.0.0"]["c1"] > 0


def test_a_large_subnet_moves_in_steps(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]]
) -> None:
    assert avoidances.avoid(database, "c1", NEAR, step=15) == 40
    assert fleet()["10.0.0"] == {"c2": 40}
    assert avoidances.unavoid(database, "c1", NEAR, step=15) == 40


def test_a_node_that_is_enrolled_or_moves_there_later_is_kept_away_too(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]], enrol: Enrol
) -> None:
    avoidances.avoid(database, "c1", NEAR)
    enrol("later", endpoint="10.0.0.200")
    (other,) = enrol("other", endpoint="10.0.1.200")
    with database.write() as connection:
        api.update_node(connection, other.id, {"endpoint": "10.0.0.201"})
    assert fleet()["10.0.0"] == {"c2": 42}


def test_nobody_has_what_all_avoid(database: Database, fleet: Callable[[], dict[str, Counter[str]]]) -> None:
    for host in ("c1", "c2"):
        avoidances.avoid(database, host, NEAR)
    assert fleet()["10.0.0"] == {None: 40}
    assert sum(fleet()["10.0.1"].values()) == 40


def test_a_subnet_in_an_avoided_one_is_avoided_with_it(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]]
) -> None:
    avoidances.avoid(database, "c1", ip_network("10.0.0.0/8"))
    avoidances.avoid(database, "c2", FAR)
    assert fleet()["10.0.0"] == {"c2": 40}
    assert fleet()["10.0.1"] == {None: 40}
    avoidances.unavoid(database, "c2", FAR)
    assert fleet()["10.0.1"] == {"c2": 40}


def test_a_host_that_comes_back_still_avoids_the_subnet(
    database: Database, fleet: Callable[[], dict[str, Counter[str]]]
) -> None:
    avoidances.avoid(database, "c1", NEAR)
    with database.write() as connection:
        one = connection.scalars(sa.select(models.members.c.id).where(models.members.c.host == "c1")).one()
        leave(connection, slots.Worker("c1", 0, one))
    settle(database)
    two, _ = enter(database, "c1"), enter(database, "c3")
    settle(database, two)
    settle_all(database)
    counts = fleet()["10.0.0"]
    assert set(counts) <= {"c2", "c3"}
    assert counts["c3"] > 0


def test_only_so_many_subnets_can_be_avoided(database: Database) -> None:
    enter(database, "c1")
    with database.write() as connection:
        rows: list[dict[str, Any]] = [
            {"subnet": f"10.0.{number}.0/24", "host": "c1", "number": number}
            for number in range(avoidances.MOST)
        ]
        connection.execute(sa.insert(models.avoidances), rows)
    with pytest.raises(errors.PodiumError, match="64 subnets are avoided already"):
        avoidances.avoid(database, "c1", ip_network("10.9.0.0/24"))
    assert avoidances.avoid(database, "c2", NEAR) == 0, "one of those may be avoided by others"
