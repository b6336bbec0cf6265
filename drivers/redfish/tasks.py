"""The periodic tasks of the ``redfish`` driver: health, inventory and sensors of each node."""

from datetime import UTC, datetime
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.drivers import base
from podium.drivers.connections import Connections
from podium.drivers.inventory import collected, is_due
from podium.drivers.redfish import health, inventory, sensors
from podium.drivers.redfish.system import System
from podium.drivers.redfish.walk import Walk

LOG = log.getLogger(__name__)

# Requests that one run may make of a BMC, and seconds after which it begins no other.
_HEALTH: Final = (24, 8.0)
_INVENTORY: Final = (96, 40.0)
_SENSORS: Final = (64, 20.0)


class Tasks(base.Driver):
    """The part of a driver that its periodic tasks are.

    A node whose power could not be read is left alone: reading it logs in, and tells when that fails.
    """

    _connections: Connections[System]

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=30, max_in_flight=128)
    async def check_status(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Report what the BMC says of the system's health, and see whether the machine is another one."""
        system = self._read(node)
        if system is None:
            return
        try:
            walk = Walk(system.bmc, *_HEALTH)
            resource = await walk.read(system.path)
            system.fingerprint = inventory.fingerprint(resource) or system.fingerprint
            manager.report_health(node, await health.health(walk, resource, system.path))
        except errors.DriverError as failure:
            LOG.debug("no health of node %s: %s", node.name, failure)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=60, max_in_flight=32)
    async def collect_inventory(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Save what the machine is as the node's properties: once a day, when it changed, or when asked."""
        now, interval, system = datetime.now(UTC), self.options.inventory_interval, self._read(node)
        if getattr(context, "on_demand", False):
            system = self._connections.of(node)
            await system.read_power(node)
        elif system is None or not is_due(node.driver_internal_info, system.fingerprint, now, interval):
            return
        walk = Walk(system.bmc, *_INVENTORY)
        resource = await walk.read(system.path)
        found = await inventory.inventory(walk, resource, system.bmc.target.host)
        system.fingerprint = inventory.fingerprint(resource) or system.fingerprint
        manager.save_properties(node, found.properties())
        manager.save_driver_internal_info(node, collected(system.fingerprint, now))

    @base.node_periodic_task(spacing=60, deadline=30, max_in_flight=64, enabled=False)
    async def collect_sensors(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Report what the machine's sensors say."""
        system = self._read(node)
        if system is not None:
            walk = Walk(system.bmc, *_SENSORS)
            manager.report_sensors(node, await sensors.sensors(walk, system.path, system.places))

    def _read(self, node: base.Node) -> System | None:
        """The node's system, if its power could be read the last time."""
        system = self._connections.find(node)
        return system if system is not None and system.was_read else None
