"""The periodic tasks of the ``ipmi`` driver for one node: health, inventory and sensors.

They use the session that the read of the power state opened, and open none themselves unless a person asks: a
failed login to a BMC is already reported.
"""

import time
from datetime import UTC, datetime

from oslo_log import log

from podium import errors, states
from podium.drivers import base
from podium.drivers.bmc import inventory
from podium.drivers.bmc.connections import Connections
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection
from podium.drivers.ipmi.lan.inquiry import Inquiries, Inquiry
from podium.drivers.ipmi.log import clock
from podium.drivers.ipmi.machine import identity, repository
from podium.drivers.ipmi.machine.sensor_watch import SensorWatch
from podium.drivers.ipmi.power import chassis_status
from podium.pacing import Allowance

LOG = log.getLogger(__name__)


class HealthCheck:
    """Reports faults of chassis, self test and sensors, and from time to time the BMC's clock."""

    def __init__(self, inquiries: Inquiries) -> None:
        self._inquiries = inquiries

    async def run(self, node: base.Node, manager: base.Manager) -> None:
        """Report the health of one node; nothing while its BMC is silent or refuses."""
        held = self._inquiries.held(node)
        if held is None:
            return
        try:
            watch = SensorWatch.of(held.connection)
            async with watch.lock:
                inquiry = self._inquiries.begin(held.connection)  # not earlier: its time runs
                manager.report_health(node, await _health(inquiry, watch))
                if not inquiry.late and watch.clock_is_due(time.monotonic()):
                    manager.report_clock(node, await clock.read(inquiry))
        except errors.DriverError as failure:
            LOG.debug("not all of the health of node %s: %s", node.name, failure)


class InventoryCollector:
    """Saves the inventory of a machine: once in an interval, when it changed, or when a person asks.

    :param interval: seconds
    :param patience: seconds that one command may take
    :param allowance: limits inventories; those beyond it are collected in a later run
    """

    def __init__(
        self,
        connections: Connections[Connection],
        inquiries: Inquiries,
        *,
        interval: int,
        patience: float,
        allowance: Allowance,
    ) -> None:
        self._connections = connections
        self._inquiries = inquiries
        self._interval = interval
        self._patience = patience
        self._allowance = allowance

    async def run(self, node: base.Node, manager: base.Manager, *, asked: bool) -> None:
        """Save the inventory of one node, if it is due.

        :param asked: whether a person waits for it: then it is always due
        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        if asked:
            connection = self._connections.of(node)
            inquiry = self._inquiries.begin(connection, self._patience)
        elif (held := self._inquiries.held(node, self._patience)) is not None:
            inquiry = held
        else:
            return
        now = datetime.now(UTC)
        if not asked and not (self._is_due(node, inquiry, now) and self._allowance.take(time.monotonic())):
            return
        device = await identity.device_id(inquiry)
        fingerprint = identity.fingerprint(device, await repository.version(inquiry))
        found = await identity.inventory(inquiry, device)
        manager.save_properties(node, found.properties())
        manager.save_driver_internal_info(node, inventory.collected(fingerprint, now))

    def _is_due(self, node: base.Node, inquiry: Inquiry, now: datetime) -> bool:
        seen = SensorWatch.of(inquiry.connection).fingerprint
        return inventory.is_due(node.driver_internal_info, seen, now, self._interval)


class SensorCollector:
    """Reads and reports the sensors.

    :param patience: seconds that one command may take while a person waits for the answer
    """

    def __init__(
        self, connections: Connections[Connection], inquiries: Inquiries, *, patience: float
    ) -> None:
        self._connections = connections
        self._inquiries = inquiries
        self._patience = patience

    async def run(self, node: base.Node, manager: base.Manager) -> None:
        """Read as many sensors of one node as the time allows, and report them once all are read.

        :raises podium.errors.DriverError: the BMC does not answer, or its records cannot be read
        """
        inquiry = self._inquiries.held(node)
        if inquiry is None:
            return
        watch = SensorWatch.of(inquiry.connection)
        async with watch.lock:
            version = await repository.version(inquiry)
            measured = await watch.measured(inquiry, version, node.power_state != states.POWER_OFF)
        if measured is not None:
            manager.report_sensors(node, measured)

    async def read(self, node: base.Node) -> list[base.Sensor]:
        """Read all sensors of one node, however long that takes.

        :raises podium.errors.DriverError: the BMC does not answer, or its records cannot be read
        """
        connection = self._connections.of(node)
        watch = SensorWatch.of(connection)
        async with watch.lock:
            inquiry = self._inquiries.begin(connection, self._patience)
            version = await repository.version(inquiry)
            return await watch.all_measured(
                lambda: self._inquiries.begin(connection), version, node.power_state != states.POWER_OFF
            )


async def _health(inquiry: Inquiry, watch: SensorWatch) -> base.Health:
    status = await chassis_status(inquiry.connection, inquiry.patience)
    self_test = await _self_test(inquiry)
    try:
        # A BMC that took so long for these two receives no further commands.
        found = watch.known if inquiry.late else await _faults(inquiry, watch, commands.is_powered(status))
    except errors.BMCUnreachable:
        raise
    except errors.DriverError as failure:  # still report chassis and self test
        watch.note(str(failure))
        found = []
    else:
        watch.note(None)
    return commands.health(status, self_test, found)


async def _faults(inquiry: Inquiry, watch: SensorWatch, powered: bool) -> list[commands.Fault]:
    """Return the faults that sensors show; also records which machine it is."""
    device, version = await identity.device_id(inquiry), await repository.version(inquiry)
    watch.fingerprint = identity.fingerprint(device, version)
    return await watch.faults(inquiry, version, powered)


async def _self_test(inquiry: Inquiry) -> bytes:
    """Return the answer to Get Self Test Results, section 20.4; empty if the BMC lacks the command."""
    try:
        result = await inquiry.ask(packet.GET_SELF_TEST_RESULTS)
    except commands.CommandFailed as failure:
        if failure.code != commands.INVALID_COMMAND:
            raise
        return b""
    if len(result) == 1:
        raise errors.DriverError(f"BMC {inquiry.connection.target} gave too short a self test result")
    return result
