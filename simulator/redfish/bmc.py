"""One simulated Redfish BMC without HTTP: its machines, sessions, tasks and events."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from podium.simulator.accounts import Accounts
from podium.simulator.clock import Clock
from podium.simulator.faults import HEALTHY, Faults
from podium.simulator.redfish.events import Event, power_event, status_event
from podium.simulator.redfish.health import CONDITIONS, found, worst
from podium.simulator.redfish.machine import Machine
from podium.simulator.redfish.sessions import Sessions
from podium.simulator.redfish.tasks import Tasks


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings of all BMCs of a simulator.

    :param password: at the start
    :param power_delay: seconds between the states of a power change; 0 for no delay
    :param session_limit: sessions that one BMC holds
    :param session_timeout: seconds after which an unused session ends
    :param stream_limit: event streams that one BMC serves at one time
    :param heartbeat: seconds between the heartbeats of an event stream
    :param log_entries: entries that the log of a machine holds
    :param systems: machines behind each BMC
    :param clock: seconds, monotonic
    :param wall: seconds since 1970, which the BMCs' own clocks follow
    """

    user: str = "admin"
    password: str = "podium-sim"
    power_delay: float = 0.0
    session_limit: int = 8
    session_timeout: float = 1800.0
    stream_limit: int = 4
    heartbeat: float = 30.0
    log_entries: int = 512
    systems: int = 1
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class BMC:
    """One BMC and the machines behind it, by their ids ``1``, ``2``, ...

    :param address: its IPv4 address
    """

    __slots__ = ("_announced", "_faults", "_faulty_since", "_unsettled", "accounts", "address", "changed",
                 "machines", "offset", "publish", "sessions", "settings", "tasks", "time")  # fmt: skip

    def __init__(self, settings: Settings, address: int) -> None:
        self.settings = settings
        self.address = ipaddress.IPv4Address(address)
        self.accounts = Accounts(settings.user, settings.password.encode(), settings.clock)
        self.sessions = Sessions(settings.session_limit, settings.session_timeout)
        self.tasks = Tasks()
        self.time = Clock(settings.clock, settings.wall)  #: the BMC's own clock
        self.offset = "+00:00"  #: that clock's offset from UTC
        self.changed: Callable[[], None] = lambda: None  #: called when resources have changed
        self.publish: Callable[[Event], None] = lambda event: None  #: called with each event
        self.machines = {
            str(number): Machine(
                settings.power_delay, settings.clock, self._power_changed, settings.log_entries
            )
            for number in range(1, settings.systems + 1)
        }
        self._announced = {system: machine.power for system, machine in self.machines.items()}
        self._unsettled: dict[str, Machine] = {}
        self._faults: Faults = HEALTHY
        self._faulty_since = 0.0

    @property
    def faults(self) -> Faults:
        """The faults of the BMC."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        before, self._faults = self._faults, faults
        self.time.change(before, faults)
        self._faulty_since = self.settings.clock()
        gone, come = set(found(before)) - set(found(faults)), set(found(faults)) - set(found(before))
        for machine in self.machines.values():
            machine.faults = faults
            for condition in CONDITIONS:
                if condition in gone | come:
                    machine.events.note(self.time.now(faults), faults, condition, ended=condition in gone)
        self.changed()
        if worst(before) != worst(faults):
            for system in self.machines:
                self.publish(status_event(system, worst(faults)))

    @property
    def is_dead(self) -> bool:
        """Whether it does not answer, permanently or because it is restarting."""
        return self._faults.dead or (bool(self._faults.password_reboots) and self.accounts.is_away)

    @property
    def is_starting(self) -> bool:
        """Whether the fault of a starting BMC is in effect: it has the fault, and the time is not over."""
        return bool(self._faults.starts) and (
            self.settings.clock() < self._faulty_since + self._faults.starts
        )

    @property
    def power_on(self) -> bool:
        """Whether all machines are on. An assignment switches them without a request."""
        return all(machine.power_on for machine in self.machines.values())

    @power_on.setter
    def power_on(self, on: bool) -> None:
        for machine in self.machines.values():
            machine.power_on = on

    @property
    def log(self) -> tuple[str, ...]:
        """The last resets of the first machine, oldest first."""
        return self.machines["1"].log

    @property
    def due(self) -> float | None:
        """When the next spontaneous change is due, on the clock."""
        times = (machine.due for machine in self._unsettled.values())
        return min((at for at in times if at is not None), default=None)

    def settle(self) -> None:
        """Make the changes that are due."""
        for machine in list(self._unsettled.values()):
            machine.settle()

    def _power_changed(self, machine: Machine, power: str) -> None:
        system = next(name for name, one in self.machines.items() if one is machine)
        if machine.due is None:
            self._unsettled.pop(system, None)
        else:
            self._unsettled[system] = machine
        self.changed()
        if power != self._announced[system]:
            self._announced[system] = power
            self.publish(power_event(system, power))
