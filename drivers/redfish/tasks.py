"""The periodic tasks of the ``redfish`` driver for one node: health, clock, inventory and sensors.

They skip a node whose power could not be read: the read logs in, and reports why that fails.
"""

import time
from datetime import UTC, datetime
from typing import Final

from oslo_log import log

from podium import errors
from podium.drivers import base
from podium.drivers.bmc.connections import Connections
from podium.drivers.bmc.inventory import collected, is_due
from podium.drivers.redfish.abilities import clock
from podium.drivers.redfish.machine import health, inventory, sensors
from podium.drivers.redfish.machine.walk import Walk
from podium.drivers.redfish.system import System

LOG = log.getLogger(__name__)

# Requests that one run may send to a BMC, and seconds after which it begins no other.
_HEALTH: Final = (24, 8.0)
_INVENTORY: Final = (96, 40.0)
_SENSORS: Final = (64, 20.0)
_CLOCK: Final = 3600.0  # seconds between two reads of a clock


class HealthCheck:
    """Reports the system's health as its BMC does, and notices when the machine was replaced."""

    def __init__(self, connections: Connections[System]) -> None:
        self._connections = connections

    async def run(self, node: base.Node, manager: base.Manager) -> None:
        """Report the health of one node; nothing while its BMC is silent or refuses."""
        system = _answering(self._connections, node)
        if system is None:
            return
        try:
            walk = Walk(system.bmc, *_HEALTH, places=system.places)
            resource = await walk.read(system.path)
            system.fingerprint = inventory.fingerprint(resource) or system.fingerprint
            manager.report_health(node, await health.health(walk, resource, system.path))
        except errors.DriverError as failure:
            LOG.debug("no health of node %s: %s", node.name, failure)


class ClockCheck:
    """Reports the BMC's clock once an hour."""

    def __init__(self, connections: Connections[System]) -> None:
        self._connections = connections

    async def run(self, node: base.Node, manager: base.Manager) -> None:
        """Report the clock of one node's BMC, if due; nothing if it has none, or is silent."""
        system, now = _answering(self._connections, node), time.monotonic()
        if system is None or now < system.clock_due:
            return
        try:
            manager.report_clock(node, await clock.read(system))
        except errors.Unsupported as failure:
            LOG.debug("no clock of node %s: %s", node.name, failure)
        except errors.DriverError as failure:
            LOG.debug("no clock of node %s: %s", node.name, failure)
            return
        system.clock_due = now + _CLOCK


class InventoryCollector:
    """Saves the inventory of a machine: once in an interval, when it changed, or when a person asks.

    :param interval: seconds
    """

    def __init__(self, connections: Connections[System], interval: float) -> None:
        self._connections = connections
        self._interval = interval

    async def run(self, node: base.Node, manager: base.Manager, *, asked: bool) -> None:
        """Save the inventory of one node, if it is due.

        :param asked: whether a person waits for it: then it is always due
        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        now, system = datetime.now(UTC), _answering(self._connections, node)
        if asked:
            system = self._connections.of(node)
            await system.read_power(node)
        elif system is None or not is_due(node.driver_internal_info, system.fingerprint, now, self._interval):
            return
        walk = Walk(system.bmc, *_INVENTORY, places=system.places)
        resource = await walk.read(system.path)
        found = await inventory.inventory(walk, resource, system.bmc.target.host)
        system.fingerprint = inventory.fingerprint(resource) or system.fingerprint
        manager.save_properties(node, found.properties())
        manager.save_driver_internal_info(node, collected(system.fingerprint, now))


class SensorCollector:
    """Reads and reports the machine's sensors."""

    def __init__(self, connections: Connections[System]) -> None:
        self._connections = connections

    async def run(self, node: base.Node, manager: base.Manager) -> None:
        """Report the sensors of one node.

        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        system = _answering(self._connections, node)
        if system is not None:
            manager.report_sensors(node, await _measured(system))

    async def read(self, node: base.Node) -> list[base.Sensor]:
        """Read the sensors of one node, whose power need not have been read.

        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        system = self._connections.of(node)
        if not system.was_read:
            await system.read_power(node)  # it finds the system, too
        return await _measured(system)


async def _measured(system: System) -> list[base.Sensor]:
    walk = Walk(system.bmc, *_SENSORS, places=system.places)
    return await sensors.sensors(walk, system.path, system.places)


def _answering(connections: Connections[System], node: base.Node) -> System | None:
    """Return the node's system, if the last read of its power succeeded."""
    system = connections.find(node)
    return system if system is not None and system.was_read else None
