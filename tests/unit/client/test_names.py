"""Names of nodes by how they begin, asked on the database and over HTTP."""

import os
from collections.abc import Callable

from podium.client.podium import Podium
from podium.db.api import NodeRecord

Enrol = Callable[..., list[NodeRecord]]


def test_names_that_begin_so_come_in_natural_order(podium: Podium, enrol: Enrol) -> None:
    enrol("n10", "n2", "N3", "m1")
    found = podium.node_names("n")
    assert (found.names, found.complete) == (["n2", "n10"], True)
    assert podium.node_names().names == ["N3", "m1", "n2", "n10"]


def test_of_more_than_the_limit_all_begin_with_what_these_have_in_common(
    podium: Podium, enrol: Enrol
) -> None:
    enrol(*(f"r{rack}n{number}" for rack in (1, 2) for number in range(10)))
    found = podium.node_names("r", 5)
    assert (found.names, found.complete) == (["r1n0", "r1n1", "r1n2", "r1n3", "r2n9"], False)
    assert os.path.commonprefix(found.names) == "r"
