"""The parts of one worker of the conductor, created once it is a member."""

import asyncio
from collections.abc import Mapping
from typing import Final

from oslo_config import cfg

from podium.conductor.enforcement.enforcer import Enforcement
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.lease import Lease
from podium.conductor.fleet.shares import Shares
from podium.conductor.fleet.vigil import Sign
from podium.conductor.manager import ConductorManager
from podium.conductor.power.actions import PowerActions
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.driver_rooms import DriverRooms
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.settings import Settings
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.power_sync import PowerSync
from podium.conductor.telling import sensor_metrics
from podium.conductor.telling.collector import ConductorCollector
from podium.conductor.telling.fleet_watch import FleetWatch
from podium.conductor.telling.metrics_server import MetricsServer
from podium.conductor.telling.notifications import Notifications
from podium.conductor.telling.statistics import Statistics
from podium.drivers import class_options

#: The least seconds after which a worker whose drivers' loops are all stalled counts as not working.
_STALLED: Final = 10.0
#: The least seconds after which a worker that writes nothing counts as not working.
_WRITING: Final = 60.0


class Parts:
    """Created in the conductor's loop, each part from those before it; nothing runs yet.

    :param lease: the lease of the member
    """

    def __init__(
        self, conf: cfg.ConfigOpts, settings: Settings, sql: Sql, rooms: DriverRooms, lease: Lease
    ) -> None:
        self._settings = settings
        self._sql = sql
        self._rooms = rooms
        worker = lease.holder
        self.fleet = Fleet(worker)
        self.recorder = Recorder(sql, self.fleet, worker, lease.length)
        self.checks = CrossChecks(sql, self.fleet, self.recorder, rooms)
        self.sync = PowerSync(
            self.fleet,
            rooms,
            self.recorder,
            in_flight=settings.in_flight,
            rate=settings.rate,
            intervals=_intervals(rooms),
            gate=Gate(Rules.read(conf)),
            is_safe=lease.is_safe,
            checks=self.checks,
        )
        self.enforcement = Enforcement(sql, self.fleet, self.recorder, self.sync, member=worker)
        self.notifications = Notifications(sql, lease, settings.notifications)
        self.statistics = Statistics(
            self.fleet,
            rooms,
            self.sync,
            self.recorder,
            max_age=settings.max_age,
            enforcement=self.enforcement,
            notifications=self.notifications,
            checks=self.checks,
        )
        self.fleet_watch = FleetWatch(sql, worker, max_age=settings.max_age)
        self.actions = PowerActions(
            sql,
            self.fleet,
            rooms,
            self.recorder,
            worker=worker,
            timeouts=settings.timeouts,
            note_read=self.sync.take_of_change,
            limits=settings.power_on_limits,
            lease=lease,
        )
        self.shares = Shares(
            sql,
            self.fleet,
            rooms,
            flush=self.recorder.flush,
            hand_over=self.sync.hand_over,
            workers=settings.workers,
            patience=settings.lease,
        )

    def signs(self) -> tuple[Sign, Sign]:
        """The signs by which the member notices that it does not work, see podium.conductor.fleet.vigil."""
        patience = self._settings.lease
        return (
            Sign(
                "the loops of all its drivers are stalled",
                max(patience, _STALLED),
                lambda: not all(room.stalled for room in self._rooms.values()),
            ),
            Sign(
                "what it learns is not written, though the database can be reached",
                max(2 * patience, _WRITING),
                lambda: not self._sql.up or self.recorder.lag < patience,
            ),
        )

    def metrics(self, manager: ConductorManager, host: str, port: int) -> MetricsServer:
        """The server of this worker's metrics, not yet open."""
        collector = ConductorCollector(
            loop=asyncio.get_running_loop(),
            reports=manager.reports,
            fleet=self.fleet,
            rooms=self._rooms,
            statistics=self.statistics,
            fleet_watch=self.fleet_watch,
            sql=self._sql,
        )
        return MetricsServer(host, port, collector, lambda: sensor_metrics.text(manager.sensors))


def _intervals(rooms: Mapping[str, DriverRoom]) -> dict[str, float]:
    """The intervals of the drivers that have their own."""
    found = {name: class_options.value(room.driver, "interval") for name, room in rooms.items()}
    return {name: interval for name, interval in found.items() if interval is not None}
