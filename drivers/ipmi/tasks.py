"""The periodic tasks of the ``ipmi`` driver: how machines fare, what they are, what their sensors measure.

Without a session there is nothing to say: reading the power state opens it, and tells when it cannot.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from oslo_log import log

from podium import errors, states
from podium.drivers import base, inventory
from podium.drivers.connections import Connections
from podium.drivers.ipmi import commands, identity, packet, repository
from podium.drivers.ipmi.client import Connection
from podium.drivers.ipmi.turn import Allowance, Turn
from podium.drivers.ipmi.watch import Watch

LOG = log.getLogger(__name__)

_PATIENCE: Final = 3.0  # seconds for one command; who does not answer is not what checks are about

#: Records and sensors per second, of all BMCs together: about a tenth of a core. Checking 10,000 machines
#: with 45 sensors takes all of it; where it is not enough, it takes several runs to read all.
_RATE: Final = 1500
#: Inventories per second, about a twentieth of a core; those that wait are collected in a later run.
_INVENTORIES: Final = 50


class Tasks(base.Driver):
    """The tasks; how to reach BMCs is up to the driver."""

    #: Seconds after which a task leaves a BMC to others.
    turn_seconds: ClassVar[float] = 3.0

    _connections: Connections[Connection]

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self._allowance = Allowance(_RATE)
        self._inventories = Allowance(_INVENTORIES)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=10, max_in_flight=128)
    async def check_status(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Report as the node's health what chassis, self test and sensors say is wrong."""
        connection = self._held(node)
        if connection is None:
            return
        try:
            watch = _watch(connection)
            async with watch.lock:
                manager.report_health(node, await self._health(self._turn(connection), watch))
        except errors.DriverError as failure:
            LOG.debug("no health of node %s: %s", node.name, failure)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=30, max_in_flight=64)
    async def collect_inventory(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Save what the machine is as the node's properties: once a day, when it changed, or when asked."""
        asked = getattr(context, "on_demand", False)
        connection = self._connections.of(node) if asked else self._held(node)
        if connection is None:
            return
        now, seen = datetime.now(UTC), _watch(connection).fingerprint
        interval = self.options.inventory_interval
        due = inventory.is_due(node.driver_internal_info, seen, now, interval)
        if not (asked or (due and self._inventories.take())):
            return
        turn = self._turn(connection, self.options.command_retry_timeout)
        device = await identity.device_id(turn)
        of = identity.fingerprint(device, await repository.version(turn))
        found = await identity.inventory(turn, device)
        manager.save_properties(node, found.properties())
        manager.save_driver_internal_info(node, inventory.collected(of, now))

    @base.node_periodic_task(spacing=60, deadline=10, max_in_flight=128, enabled=False)
    async def collect_sensors(self, node: base.Node, manager: base.Conductor, context: Any) -> None:
        """Report what the sensors measure; where one turn is too short for all, after as many as it takes."""
        connection = self._held(node)
        if connection is None:
            return
        turn, watch = self._turn(connection), _watch(connection)
        async with watch.lock:
            version = await repository.version(turn)
            measured = await watch.measured(turn, version, node.power_state != states.POWER_OFF)
        if measured is not None:
            manager.report_sensors(node, measured)

    async def _health(self, turn: Turn, watch: Watch) -> base.Health:
        status = await chassis_status(turn.connection, turn.patience)
        self_test = await _self_test(turn)
        try:
            # A BMC that took so long for these two is not asked for more.
            found = watch.known if turn.late else await _look(turn, watch, commands.is_powered(status))
        except errors.BMCUnreachable:
            raise
        except errors.DriverError as failure:  # which leaves something to say of the machine
            watch.note(str(failure))
            found = []
        else:
            watch.note(None)
        return commands.health(status, self_test, found)

    def _held(self, node: base.Node) -> Connection | None:
        connection = self._connections.find(node)
        return connection if connection is not None and connection.has_session else None

    def _turn(self, connection: Connection, patience: float = _PATIENCE) -> Turn:
        patience = min(patience, self.options.command_retry_timeout)
        return Turn(connection, seconds=self.turn_seconds, patience=patience, allowance=self._allowance)


def _watch(connection: Connection) -> Watch:
    if not isinstance(connection.learned, Watch):
        connection.learned = Watch()
    return connection.learned


async def _look(turn: Turn, watch: Watch, powered: bool) -> list[commands.Fault]:
    """What sensors say is wrong; what the machine is, on the way."""
    device, version = await identity.device_id(turn), await repository.version(turn)
    watch.fingerprint = identity.fingerprint(device, version)
    return await watch.faults(turn, version, powered)


async def chassis_status(connection: Connection, patience: float = 0.0) -> bytes:
    """The answer to Get Chassis Status, section 28.2.

    :raises podium.errors.DriverError: when it is too short
    """
    status = await connection.command(packet.GET_CHASSIS_STATUS, patience=patience)
    if len(status) < 3:
        raise errors.DriverError(f"BMC {connection.target} gave too short a chassis status")
    return status


async def _self_test(turn: Turn) -> bytes:
    """The answer to Get Self Test Results, section 20.4; nothing from a BMC without it."""
    try:
        result = await turn.ask(packet.GET_SELF_TEST_RESULTS)
    except commands.CommandFailed as failure:
        if failure.code != commands.INVALID_COMMAND:
            raise
        return b""
    if len(result) == 1:
        raise errors.DriverError(f"BMC {turn.connection.target} gave too short a self test result")
    return result
