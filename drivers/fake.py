"""Machines in memory, with faults on request: to try Podium, to test it, to learn how to write a driver."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from oslo_config import types

from podium import errors, states
from podium.drivers import base
from podium.drivers.context import RunContext

_HEALTH: Final = ("OK", "Warning", "Critical")
_LONGEST_PASSWORD: Final = 20  # bytes, as in IPMI 2.0
#: Possible outcomes of setting a new password.
_REFUSE, _SILENT, _LOST, _LIE, _REBOOT = "refuse", "silent", "lost", "lie", "reboot"
_FAULTS: Final = (_REFUSE, _SILENT, _LOST, _LIE, _REBOOT)
#: The messages of log entries, in rotation.
_EVENTS: Final = (
    ("OK", "System boot initiated", None, b""),
    ("Warning", "Upper non-critical going high", "Inlet", b""),
    ("OK", "Upper non-critical going high: no longer", "Inlet", b""),
    ("Critical", "OEM record", None, bytes.fromhex("0500dfdc3a5201021122334455667788")),
)
_MOST_ENTRIES: Final = 100_000
_BETWEEN_ENTRIES: Final = timedelta(minutes=1)
_OF_THE_AIR: Final = base.Thresholds(upper_caution=42.0, upper_critical=47.0)
_OF_THE_FAN: Final = base.Thresholds(lower_critical=600.0)


@dataclass(slots=True)
class _Controller:
    """Settings besides the power, which survive a change of driver_info.

    :param boot: what the machine boots from
    :param cleared: the number of the last entry that was cleared from the log
    :param clock_offset: seconds that the clock is ahead since it was set; None for the value of driver_info
    :param began: when the machine was first seen, with ``first`` entries in its log
    """

    first: int
    boot: base.BootDevice = base.BootDevice("default")
    cleared: int = 0
    clock_offset: float | None = None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def entry(self, number: int, offset: float) -> base.LogEntry:
        """Return the entry of a number; the entries that the log had at first were a minute apart."""
        severity, message, sensor, raw = _EVENTS[(number - 1) % len(_EVENTS)]
        at = self.began + min(number - self.first, 0) * _BETWEEN_ENTRIES + timedelta(seconds=offset)
        return base.LogEntry(str(number), at, severity, message, sensor, raw)


@dataclass(slots=True)
class _Account:
    """The login of one controller.

    :param password: None until somebody has logged in or set one: until then any is accepted
    :param deaf: logins that it does not answer, because it is rebooting
    """

    password: str | None = field(default=None, repr=False)
    deaf: int = 0


@dataclass(slots=True)
class _Machine:
    """A node's driver_info, converted once, and the power as it was switched here."""

    driver_info: Mapping[str, Any] = field(repr=False)
    latency: float
    failure_rate: float
    refuse: bool
    wrong_state: str | None
    health: str
    log_entries: int
    clock_offset: float
    endpoint: str
    powered: bool | None
    controller: _Controller | None

    def boot(self) -> None:
        """Apply the device that was chosen for the next boot only."""
        if self.controller is not None and not self.controller.boot.persistent:
            self.controller.boot = base.BootDevice("default")


class FakeDriver(base.Driver):
    """Machines in memory, with latency, failures and wrong answers on request."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "fake_latency": base.Property(
            "seconds that every answer takes", default=0.0, type=types.Float(min=0, max=3600)
        ),
        "fake_failure_rate": base.Property(
            "share of calls that end without an answer, 0 to 1", default=0.0, type=types.Float(min=0, max=1)
        ),
        "fake_refuse": base.Property(
            "refuse everything that changes something", default=False, type=types.Boolean()
        ),
        "fake_wrong_state": base.Property(
            "answer every read with this, whatever the state",
            type=types.String(choices=sorted(states.READINGS)),
        ),
        "fake_health": base.Property(
            f"what check_status reports: {', '.join(_HEALTH)}",
            default="OK",
            type=types.String(choices=_HEALTH),
        ),
        "fake_log_entries": base.Property(
            "entries that the machine has logged; a higher number is new ones",
            default=4,
            type=types.Integer(min=0, max=_MOST_ENTRIES),
        ),
        "fake_clock_offset": base.Property(
            "seconds that the machine's clock is ahead, until it is set",
            default=0.0,
            type=types.Float(min=-3e9, max=3e9),
        ),
        "fake_address": base.Property(
            "address of a controller that several machines may share; by default each is its own"
        ),
        "fake_username": base.Property("user name, which may be any"),
        "fake_password": base.Property(
            "password; the machine keeps the first one that it sees, until it is given another", secret=True
        ),
        "fake_machine_password": base.Property(
            "password that the machine has at first, if that is not fake_password", secret=True
        ),
        "fake_account_fault": base.Property(
            "what becomes of a new password: refuse; silent: it is taken, without an answer; lost: it is not"
            " taken, without an answer; lie: it is not taken, although the answer says so; reboot: it is"
            " taken, and the next logins are not answered",
            type=types.String(choices=_FAULTS),
        ),
        "fake_reboot_logins": base.Property(
            "logins that are not answered after a reboot", default=3, type=types.Integer(min=0)
        ),
    }
    login: ClassVar[base.Login | None] = base.Login("fake_password", "fake_username")
    supported_power_states = tuple(sorted(states.TARGETS))

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self._machines: dict[str, _Machine] = {}
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)  # by endpoint
        self._interrupts = self._identifications = self._blinks = 0
        self._logins = self._wrong_logins = 0

    def endpoint(self, node: base.Node) -> str:
        """Return the controller, or the machine itself."""
        return _endpoint(node, self.parse_driver_info(node))

    async def get_power_state(self, node: base.Node) -> str:
        machine = self._machine(node)
        if machine.latency or machine.failure_rate:
            await _suffer(machine.latency, machine.failure_rate)
        if machine.wrong_state:
            return machine.wrong_state
        if machine.powered is None:
            return _known_state(node)
        return states.POWER_ON if machine.powered else states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        await self._heed(node)
        machine, is_on = self._machine(node), states.REACHED[target] == states.POWER_ON
        if is_on and not (machine.powered and target == states.POWER_ON):
            machine.boot()
        machine.powered = is_on

    async def inject_nmi(self, node: base.Node) -> None:
        """Count the call, in the statistics."""
        await self._heed(node)
        self._interrupts += 1

    async def get_sensors(self, node: base.Node) -> list[base.Sensor]:
        """Return the temperature of the air and the power of the machine, which is higher while it is on."""
        is_on = await self.get_power_state(node) == states.POWER_ON
        return [
            base.Sensor("Inlet", "temperature", 21.0, thresholds=_OF_THE_AIR),
            base.Sensor("Fan 1", "fan", 4200.0 if is_on else None, thresholds=_OF_THE_FAN),
            base.Sensor("Input", "power", 180.0 if is_on else 9.0),
        ]

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        """Return the device that was set last; the machine accepts any device."""
        machine = self._machine(node)
        await _suffer(machine.latency, machine.failure_rate)
        return base.Boot(self._controller(node).boot, base.BOOT_DEVICES)

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        """Store the device; unless persistent, it applies to the next boot only."""
        await self._heed(node)
        self._controller(node).boot = boot

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        """Count the call, in the statistics."""
        await self._heed(node)
        self._identifications += 1

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        """Return as many entries as driver_info specifies, without those that were cleared."""
        machine = self._machine(node)
        await _suffer(machine.latency, machine.failure_rate)
        controller, offset = self._controller(node), self._clock_offset(node)
        last, first = machine.log_entries, controller.cleared + 1
        if before is not None and before.isdecimal():
            last = min(last, int(before) - 1)
        if after is not None and after.isdecimal():
            first = max(first, int(after) + 1)
        shown = max(first, last - limit + 1)
        entries = [controller.entry(number, offset) for number in range(shown, last + 1)]
        return base.Log(entries, shown > first, offset)

    async def clear_log(self, node: base.Node, last: str) -> None:
        """Clear the entries, unless there are newer ones."""
        await self._heed(node)
        newest = self._machine(node).log_entries
        if not last.isdecimal() or int(last) < newest:
            raise errors.LogChanged(f"the log has entries after {last}, of which the newest is {newest}")
        self._controller(node).cleared = newest

    async def get_clock(self, node: base.Node) -> datetime:
        """Return the time of this host, plus what the clock is ahead."""
        machine = self._machine(node)
        await _suffer(machine.latency, machine.failure_rate)
        return datetime.fromtimestamp(time.time() + self._clock_offset(node), UTC)

    async def set_clock(self, node: base.Node) -> None:
        await self._heed(node)
        self._controller(node).clock_offset = 0.0

    @base.action(help="Blink a light that nobody sees")
    async def blink(self, node: base.Node, colour: Literal["red", "green"], times: int = 1) -> str:
        """Count the call, in the statistics."""
        await self._heed(node)
        self._blinks += times
        return f"blinked {colour} {times} times"

    async def check_login(self, node: base.Node) -> base.LoginReport:
        """Compare the password with the machine's."""
        info = self.parse_driver_info(node)
        await self._log_in(node, info)
        known = self._machines.get(node.uuid)
        if info["fake_wrong_state"]:
            state = info["fake_wrong_state"]
        elif known is None or known.powered is None:
            state = _known_state(node)
        else:
            state = states.POWER_ON if known.powered else states.POWER_OFF
        return base.LoginReport(info["fake_username"], "administrator", state, protocol="memory")

    async def set_password(self, node: base.Node, password: str) -> None:
        """Set the machine's password, unless driver_info specifies a fault."""
        self._machine(node)  # registers it with its present password
        info = self.parse_driver_info(node)
        account, fault = await self._log_in(node, info), info["fake_account_fault"]
        if fault == _REFUSE:
            raise errors.PasswordRefused("fake_account_fault is refuse: the machine takes no other password")
        if len(password.encode()) > _LONGEST_PASSWORD:
            raise errors.PasswordRefused(f"the password has more than {_LONGEST_PASSWORD} bytes")
        if fault not in (_LOST, _LIE):
            account.password = password
        if fault == _REBOOT:
            account.deaf = info["fake_reboot_logins"]
        if fault in (_LOST, _SILENT):
            raise errors.BMCUnreachable(f"the machine does not answer: fake_account_fault is {fault}")

    async def _log_in(self, node: base.Node, info: Mapping[str, Any]) -> _Account:
        await _suffer(info["fake_latency"], info["fake_failure_rate"])
        account = self._accounts[_endpoint(node, info)]
        if account.deaf:
            account.deaf -= 1
            raise errors.BMCUnreachable("the machine does not answer: it reboots")
        right = info["fake_machine_password"] if account.password is None else account.password
        if right is not None and info["fake_password"] != right:
            self._wrong_logins += 1
            raise errors.AuthenticationRefused("the machine has another password; check fake_password")
        self._logins += 1
        return account

    def statistics(self) -> Mapping[str, float]:
        """Return how often machines were interrupted, identified or blinked, and which logins were right."""
        return {
            "interrupts": self._interrupts,
            "identifications": self._identifications,
            "blinks": self._blinks,
            "logins": self._logins,
            "wrong_logins": self._wrong_logins,
        }

    @base.driver_periodic_task(spacing=60)
    async def check_status(self, manager: base.Manager, context: RunContext) -> None:
        """Report the health that each machine's driver_info specifies, and forget machines that are gone."""
        nodes = manager.nodes(self)
        for node in nodes:
            try:
                status = self._machine(node).health
            except errors.InvalidDriverInfo:
                continue  # the read of the power state reports this; check the others
            reasons = () if status == "OK" else ("fake_health says so",)
            manager.report_health(node, base.Health(status, reasons))
            if offset := self._clock_offset(node):
                manager.report_clock(node, datetime.fromtimestamp(time.time() + offset, UTC))
        gone = self._machines.keys() - {node.uuid for node in nodes}
        for uuid in gone:
            del self._machines[uuid]
        if gone:
            kept = {machine.endpoint for machine in self._machines.values()}
            for endpoint in self._accounts.keys() - kept:
                del self._accounts[endpoint]

    async def _heed(self, node: base.Node) -> None:
        """Accept a command that changes something, unless driver_info specifies a fault."""
        machine = self._machine(node)
        await _suffer(machine.latency, machine.failure_rate)
        if machine.refuse:
            raise errors.DriverError("fake_refuse is set: it was refused")

    def _controller(self, node: base.Node) -> _Controller:
        machine = self._machine(node)
        if machine.controller is None:
            machine.controller = _Controller(machine.log_entries)
        return machine.controller

    def _clock_offset(self, node: base.Node) -> float:
        """Return how many seconds the clock is ahead."""
        machine = self._machine(node)
        its = machine.controller
        return machine.clock_offset if its is None or its.clock_offset is None else its.clock_offset

    def _machine(self, node: base.Node) -> _Machine:
        machine = self._machines.get(node.uuid)
        if machine is not None and machine.driver_info is node.driver_info:
            return machine
        info = self.parse_driver_info(node)
        machine = self._machines[node.uuid] = _Machine(
            node.driver_info,
            latency=info["fake_latency"],
            failure_rate=info["fake_failure_rate"],
            refuse=info["fake_refuse"],
            wrong_state=info["fake_wrong_state"],
            health=info["fake_health"],
            log_entries=info["fake_log_entries"],
            clock_offset=info["fake_clock_offset"],
            endpoint=_endpoint(node, info),
            powered=None if machine is None else machine.powered,
            controller=None if machine is None else machine.controller,
        )
        if info["fake_password"] is not None:
            account = self._accounts[machine.endpoint]
            if account.password is None:
                account.password = info["fake_machine_password"] or info["fake_password"]
        return machine


class FakeHardware(FakeDriver):
    """The same under the name of Ironic's driver, for clients and tests that know it by that."""

    #: The interfaces of Ironic's driver of this name. Nothing is deployed, and there is no network.
    interfaces: ClassVar[Mapping[str, str]] = {
        "boot": "fake",
        "deploy": "fake",
        "management": "fake",
        "network": "noop",
        "power": "fake",
    }


def _endpoint(node: base.Node, info: Mapping[str, Any]) -> str:
    address = info["fake_address"]
    return address.strip().lower() if address else node.uuid


def _known_state(node: base.Node) -> str:
    """Return the power state that the database had when this daemon started."""
    return states.POWER_ON if node.power_state == states.POWER_ON else states.POWER_OFF


async def _suffer(latency: float, failure_rate: float) -> None:
    if latency:
        await asyncio.sleep(latency)
    if random.random() < failure_rate:
        raise errors.BMCUnreachable("the machine does not answer: fake_failure_rate struck")
