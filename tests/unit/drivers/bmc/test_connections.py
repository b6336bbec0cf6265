"""Who holds a connection, and when it is given back."""

import asyncio
from dataclasses import dataclass

import pytest

from podium.drivers.base import Node
from podium.drivers.bmc.connections import Connections, Shared
from virtual_time import run


@dataclass
class Held:
    name: str
    users: int = 0


def node(name: str, **info: str) -> Node:
    return Node(uuid=name, name=name, driver="acme", driver_info=info)


def connections(released: list[str]) -> Connections[str]:
    return Connections(lambda node: f"{node.name} at {node.driver_info['address']}", released.append)


def test_users_of_one_key_share_what_is_kept_until_the_last_gives_it_back() -> None:
    shared = Shared[str, Held]()
    first = shared.take("bmc", lambda: Held("first"))
    assert shared.take("bmc", lambda: Held("second")) is first
    assert (shared.give_back("bmc"), "bmc" in shared) == (False, True)
    assert (shared.give_back("bmc"), "bmc" in shared) == (True, False)
    assert shared.take("bmc", lambda: Held("third")).name == "third"


def test_a_node_keeps_its_connection_until_its_driver_info_changes() -> None:
    async def main() -> None:
        released: list[str] = []
        held = connections(released)
        assert held.find(node("web1")) is None
        assert held.of(node("web1", address="a")) == "web1 at a"
        assert held.of(node("web1", address="a")) is held.find(node("web1"))
        assert released == []
        assert held.of(node("web1", address="b")) == "web1 at b"
        assert released == ["web1 at a"]
        held.close()

    run(main)


@pytest.mark.parametrize("count", [1, 1000])
def test_connections_of_nodes_that_nobody_asks_about_are_given_back(count: int) -> None:
    async def main() -> None:
        released: list[str] = []
        held = connections(released)
        names = [f"old{number}" for number in range(count)]
        for name in names:
            held.of(node(name, address="a"))
        for _ in range(3):
            held.of(node("web1", address="a"))
            await asyncio.sleep(1500)
        assert sorted(released) == sorted(f"{name} at a" for name in names)
        assert held.find(node("web1")) == "web1 at a"
        held.close()

    run(main)


def test_a_node_that_is_taken_away_is_forgotten_and_connected_anew_later() -> None:
    async def main() -> None:
        released: list[str] = []
        held = connections(released)
        assert held.take(node("web1")) is None
        held.of(node("web1", address="a"))
        assert held.take(node("web1")) == "web1 at a"
        assert (held.find(node("web1")), released) == (None, [])
        assert held.of(node("web1", address="a")) == "web1 at a"
        held.close()

    run(main)
