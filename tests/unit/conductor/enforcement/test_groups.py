"""Which nodes may fail together."""

from typing import Any

import pytest

from podium.conductor.enforcement.groups import groups_of, sizes_of
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.reads import Reads
from podium.drivers.base import Node


def entry(number: int, *, address: str = "10.0.0.1", **more: Any) -> Entry:
    node = Node(f"uuid{number}", f"n{number}", "still", {"ipmi_address": address}, power_state="power on")
    return Entry(number, 1, node, Reads(), **more)


def test_nodes_that_nobody_reads_are_in_no_group() -> None:
    quiet = [entry(1, policy="ignore"), entry(2)]
    assert sizes_of(quiet, Rules())["of the fleet"] == 1


@pytest.mark.parametrize(
    ("address", "subnet"),
    [
        ("10.1.2.3", "in 10.1.2.0/24"),
        ("2001:db8:1:2:3::4", "in 2001:db8:1:2::/64"),
        ("fe80::1%eth0", "in fe80::/64"),
        ("bmc7.example.org", None),
        ("https://10.1.2.3:8443", "in 10.1.2.0/24"),
        ("https://[2001:db8:1:2:3::4]", "in 2001:db8:1:2::/64"),
        ("https://[2001:db8:1:2:3::4", None),
        ("https://bmc7.example.org", None),
    ],
)
def test_only_addresses_that_are_literals_are_in_a_subnet(address: str, subnet: str | None) -> None:
    groups = groups_of(entry(1, address=address).node)
    assert groups[:2] == ("of the fleet", "of the driver still")
    assert groups[2:] == ((subnet,) if subnet else ())
