"""Every call."""

from typing import Any, Final

from podium.client.calls import drivers, fleet, nodes
from podium.client.calls.call import Call

CALLS: Final[tuple[type[Call[Any]], ...]] = (
    fleet.GetFleet,
    nodes.ListNodes,
    nodes.GetNode,
    drivers.ListDrivers,
    drivers.GetDriver,
)
