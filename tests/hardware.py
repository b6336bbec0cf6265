"""One machine of each protocol, with the same faults, to test Podium's guarantees for all protocols."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from peers import PATIENCE
from podium.simulator.bmc import Settings
from podium.simulator.nodes import address_range
from podium.simulator.rack import Rack
from podium.simulator.redfish.bmc import Settings as RedfishSettings
from podium.simulator.redfish.server import RedfishSimulator
from podium.simulator.server import Simulator


class Hardware(ABC):
    """One machine, switched off at first, and its BMC.

    :param folder: for its files
    :ivar patience: seconds until it counts as silent
    :cvar protocol: the name of the driver
    :cvar options: its section of the config file, with a place for the patience
    :cvar cannot: what this hardware cannot or need not support, and why
    """

    protocol: ClassVar[str]
    options: ClassVar[str] = ""
    cannot: ClassVar[Mapping[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.patience = PATIENCE

    @property
    def section(self) -> str:
        """Its section of the config file."""
        return self.options.format(patience=self.patience)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the machine in this event loop."""
        yield

    @abstractmethod
    def driver_info(self) -> Mapping[str, Any]:
        """The driver_info of its node. Changes if a fault is part of it."""

    @abstractmethod
    def set_fault(self, fault: str) -> None:
        """Set a fault: silent, login, lies, refuses, cooling."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Remove all faults."""

    @abstractmethod
    def press_button(self, on: bool) -> None:
        """Switch the machine without Podium's knowledge."""

    @abstractmethod
    def carried_out(self) -> Sequence[str]:
        """The power commands that the BMC accepted, in its own terms in lower case, oldest first."""


class Simulated(Hardware):
    """A BMC of podium-sim."""

    _FAULTS: ClassVar[Mapping[str, str]] = {
        "silent": "dead",
        "lies": "lies",
        "refuses": "refuses=3600",
        "cooling": "cooling-fault",
    }

    rack: Rack
    password = "secret"

    def set_fault(self, fault: str) -> None:
        if fault == "login":
            self.password = "another secret"
        else:
            self.rack.set_fault(self._FAULTS[fault], "1")

    def clear_faults(self) -> None:
        self.password = "secret"
        self.rack.clear_fault("all", "1")

    def press_button(self, on: bool) -> None:
        self.rack.set_power(on, "1")

    def carried_out(self) -> Sequence[str]:
        return tuple(command.lower() for command in self.rack.account(self.rack.addresses[0])["log"])


class IPMI(Simulated):
    protocol = "ipmi"
    options = "[ipmi]\ncommand_retry_timeout = {patience:g}\nretransmit_interval = 0.2\n"
    rack: Simulator

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        settings = Settings(password=b"secret")
        async with Simulator(address_range("127.20.9.1", 1), settings=settings) as self.rack:
            yield

    def driver_info(self) -> Mapping[str, Any]:
        return {
            "ipmi_address": "127.20.9.1",
            "ipmi_port": self.rack.port,
            "ipmi_username": "admin",
            "ipmi_password": self.password,
        }


class Redfish(Simulated):
    protocol = "redfish"
    options = (
        "[redfish]\nconnect_timeout = {patience:g}\nread_timeout = {patience:g}\n"
        "command_timeout = {patience:g}\nevents_confirm_interval = 5\n"
    )
    cannot = {"nmi off": "a Redfish service may interrupt a machine that is off"}

    rack: RedfishSimulator

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        settings = RedfishSettings(password="secret")
        async with RedfishSimulator(address_range("127.21.9.1", 1), settings=settings) as self.rack:
            (self.folder / "certificate").write_text(self.rack.certificate or "")
            yield

    def driver_info(self) -> Mapping[str, Any]:
        return {
            "redfish_address": self.rack.url("127.21.9.1"),
            "redfish_username": "admin",
            "redfish_password": self.password,
            "redfish_verify_ca": str(self.folder / "certificate"),
        }


class PolledRedfish(Redfish):
    """A Redfish BMC without events."""

    cannot = dict.fromkeys(("log", "nmi off", "login", "inventory", "sensors"), "the same as with events")
    options = f"{Redfish.options}events = false\n"


class Fake(Hardware):
    """A machine in memory. Its faults are part of its driver_info."""

    protocol = "fake"
    cannot = {
        "login": "a machine in memory has no login",
        "button": "a machine in memory has no button",
        "log": "a machine in memory keeps no log of commands",
        "nmi off": "a machine in memory can be interrupted while it is off",
        "inventory": "a machine in memory is made of nothing",
        "sensors": "a machine in memory has no sensors",
    }
    _FAULTS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "silent": {"fake_failure_rate": 1},
        "lies": {"fake_wrong_state": "power off"},
        "refuses": {"fake_refuse": True},
        "cooling": {"fake_health": "Critical"},
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._info: dict[str, Any] = {}

    def driver_info(self) -> Mapping[str, Any]:
        return dict(self._info)

    def set_fault(self, fault: str) -> None:
        self._info |= self._FAULTS[fault]

    def clear_faults(self) -> None:
        self._info = {}

    def press_button(self, on: bool) -> None:
        raise NotImplementedError(self.cannot["button"])

    def carried_out(self) -> Sequence[str]:
        raise NotImplementedError(self.cannot["log"])
