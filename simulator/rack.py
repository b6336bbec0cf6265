"""The parts common to simulated BMCs of all protocols: addresses, faults and power."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

from podium import errors
from podium.simulator import faults, nodes, selection
from podium.simulator.accounts import Accounts

_EVENTS: Final = 65535  # entries added at one time


class Simulated(Protocol):
    """One BMC and the machine behind it."""

    faults: faults.Faults
    power_on: bool
    accounts: Accounts

    @property
    def log(self) -> tuple[str, ...]:
        """The last power commands carried out, oldest first."""


class Racks:
    """All BMCs of a simulator. They may speak several protocols, each in its own rack.

    :param racks: at least one; their addresses differ
    """

    def __init__(self, racks: "Sequence[Rack]") -> None:
        self.racks = racks

    def place(self, placed: Iterable[str]) -> None:
        """Give some BMCs faults, each ``KIND[=VALUE]:WHERE``.

        :raises podium.errors.ConfigError: if a fault cannot be understood
        """
        for text in placed:
            change, where = faults.parse_placed(text)
            self._change(change, where)

    def set_fault(self, fault: str, where: str) -> int:
        """Give ``KIND[=VALUE]`` to BMCs, see :func:`podium.simulator.selection.select`. Returns how many.

        :raises podium.errors.ConfigError: if either cannot be understood, or these BMCs cannot have the fault
        """
        return self._change(faults.parse_fault(fault), where)

    def clear_fault(self, kind: str, where: str) -> int:
        """Clear a kind of fault, or ``all``, of some BMCs. Returns how many.

        :raises podium.errors.ConfigError: if either cannot be understood
        """
        return self._change(faults.parse_clear(kind), where)

    def set_power(self, on: bool, where: str) -> int:
        """Switch the machines at some addresses, like a person at the power button. Returns how many.

        :raises podium.errors.ConfigError: if ``where`` cannot be understood
        """
        chosen = self._select(where)
        for rack, address in chosen:
            rack.at(address).power_on = on
        return len(chosen)

    def set_password(self, password: str, where: str) -> int:
        """Set the password of some BMCs' own accounts, like a person on their web pages. Returns how many.

        :raises podium.errors.ConfigError: if ``where`` cannot be understood
        """
        chosen = self._select(where)
        for rack, address in chosen:
            rack.at(address).accounts.own.password = password.encode()
        return len(chosen)

    def accounts(self, where: str) -> dict[str, Mapping[str, Any]]:
        """Return counts of logins and password changes, and the password's SHA-256, by address.

        :raises podium.errors.ConfigError: if ``where`` cannot be understood
        """
        return {
            nodes.text(address): rack.at(address).accounts.report() for rack, address in self._select(where)
        }

    def status(self) -> dict[str, int]:
        """Return counts of BMCs, machines that are on, BMCs with a fault, sessions, and messages."""
        counts: Counter[str] = Counter()
        for rack in self.racks:
            counts.update(rack.counts())
        return dict(counts)

    def log(self, where: str) -> dict[str, Mapping[str, Any]]:
        """Return whether machines are on, and their BMCs' last power commands, by address.

        :raises podium.errors.ConfigError: if ``where`` cannot be understood
        """
        return {nodes.text(address): rack.account(address) for rack, address in self._select(where)}

    def machines(self, where: str) -> dict[str, Mapping[str, Any]]:
        """Return the state of BMCs, and their machines' last boot devices, by address.

        :raises podium.errors.ConfigError: if ``where`` cannot be understood
        """
        return {nodes.text(address): rack.state(address) for rack, address in self._select(where)}

    def add_event(self, event: Mapping[str, Any], count: int, where: str) -> int:
        """Add an entry ``count`` times to the event logs of some BMCs. Returns the number of BMCs.

        :param event: in the form that :meth:`Rack.log_event` accepts
        :raises podium.errors.ConfigError: if an argument cannot be understood
        """
        if not 1 <= count <= _EVENTS:
            raise errors.ConfigError(f"an event is added 1 to {_EVENTS} times, not {count}")
        chosen = self._select(where)
        for rack, address in chosen:
            rack.log_event(address, event, count)
        return len(chosen)

    def _select(self, where: str, kind: str = "") -> "list[tuple[Rack, int]]":
        chosen = selection.select(where, [rack.addresses for rack in self.racks], kind)
        return [(rack, address) for rack in self.racks for address in chosen if address in rack.addresses]

    def _change(self, change: faults.Change, where: str) -> int:
        chosen = self._select(where, change.kind)
        for rack in {id(rack): rack for rack, _ in chosen}.values():
            rack.check(change)
        after: dict[faults.Faults, faults.Faults] = {}  # BMCs with the same faults share one record
        for rack, address in chosen:
            bmc = rack.at(address)
            if bmc.faults not in after:
                after[bmc.faults] = change.apply(bmc.faults)
            bmc.faults = after[bmc.faults]
        return len(chosen)


class Rack(Racks, ABC):
    """BMCs at consecutive addresses that speak one protocol.

    :param addresses: from :func:`podium.simulator.nodes.address_range`
    """

    protocol: ClassVar[str]

    def __init__(self, addresses: range) -> None:
        super().__init__((self,))
        self.addresses = addresses

    @abstractmethod
    def at(self, address: int) -> Simulated:
        """Return the BMC at an address.

        :raises KeyError: if there is none
        """

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Return the status of this rack."""

    def account(self, address: int) -> Mapping[str, Any]:
        """Return the log of one BMC."""
        bmc = self.at(address)
        return {"power_on": bmc.power_on, "log": bmc.log}

    def state(self, address: int) -> Mapping[str, Any]:
        """Return the state of one BMC, and its machine's last boot device."""
        return {"power_on": self.at(address).power_on}

    def log_event(self, address: int, event: Mapping[str, Any], count: int) -> None:
        """Add entries to the event log of one BMC.

        :raises podium.errors.ConfigError: if there is no such event
        """
        raise errors.ConfigError(f"{nodes.text(address)} speaks {self.protocol}, and has no event log")

    def check(self, change: faults.Change) -> None:
        """Check that BMCs of this protocol support a kind of fault.

        :raises podium.errors.ConfigError: if they do not
        """
        kinds = [name for name, kind in faults.KINDS.items() if self.protocol in kind.protocols]
        if change.kind in faults.KINDS and change.kind not in kinds:
            raise errors.ConfigError(
                f"the BMCs at {nodes.text(self.addresses[0])}-{nodes.text(self.addresses[-1])} speak "
                f"{self.protocol}, which has no fault {change.kind!r}: it has {', '.join(kinds)}"
            )
