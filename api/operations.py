"""All operations of podium-api."""

from typing import Final

from podium.api import health, openapi
from podium.api.ironic import (
    chassis,
    conductors,
    drivers,
    firmware,
    hardware,
    history,
    maintenance,
    node_parts,
    node_writes,
    nodes,
    passthru,
    ports,
    power,
    root,
    states,
    traits,
)
from podium.api.own import operations as own
from podium.api.own import session
from podium.api.page import operations as page
from podium.api.routing import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *health.OPERATIONS,
    *openapi.OPERATIONS,
    *page.OPERATIONS,
    *root.OPERATIONS,
    *nodes.OPERATIONS,
    *node_writes.OPERATIONS,
    *power.OPERATIONS,
    *states.OPERATIONS,
    *maintenance.OPERATIONS,
    *traits.OPERATIONS,
    *hardware.OPERATIONS,
    *passthru.OPERATIONS,
    *ports.OPERATIONS,
    *chassis.OPERATIONS,
    *drivers.OPERATIONS,
    *conductors.OPERATIONS,
    *history.OPERATIONS,
    *node_parts.OPERATIONS,
    *firmware.OPERATIONS,
    *session.OPERATIONS,
    *own.OPERATIONS,
)
