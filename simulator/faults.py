"""What can be wrong with a simulated BMC, how it is asked for, and which BMCs it befalls."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from podium import errors


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong with one BMC; :data:`HEALTHY` is nothing.

    :param dead: whether it answers nothing
    :param slow: seconds by which its answers are late
    :param lossy: probability, 0 to 1, with which each datagram is lost, in either direction
    :param wrong_password: whether its password is another one
    :param session_table_full: whether it has no room for a new session
    :param forgets_after_commands: commands after which a session is forgotten
    :param forgets_after_seconds: age in seconds at which a session is forgotten
    :param stale: seconds for which the power state from before a switch is reported
    :param refuses: seconds after a power control for which the next one is refused
    :param lies: whether power controls are acknowledged and not carried out
    """

    dead: bool = False
    slow: float = 0.0
    lossy: float = 0.0
    wrong_password: bool = False
    session_table_full: bool = False
    forgets_after_commands: int | None = None
    forgets_after_seconds: float | None = None
    stale: float = 0.0
    refuses: float = 0.0
    lies: bool = False
    power_fault: bool = False
    cooling_fault: bool = False
    drive_fault: bool = False
    intrusion: bool = False
    self_test_failed: bool = False


HEALTHY: Final = Faults()


def _seconds(value: str) -> float:
    seconds = float(value.removesuffix("s"))
    if not 0 < seconds <= 3600:
        raise ValueError
    return seconds


def _slow(value: str) -> dict[str, Any]:
    return {"slow": _seconds(value)}


def _stale(value: str) -> dict[str, Any]:
    return {"stale": _seconds(value)}


def _refuses(value: str) -> dict[str, Any]:
    return {"refuses": _seconds(value)}


def _lossy(value: str) -> dict[str, Any]:
    probability = float(value)
    if not 0 < probability <= 1:
        raise ValueError
    return {"lossy": probability}


def _forgets(value: str) -> dict[str, Any]:
    if value.endswith("s"):
        return {"forgets_after_commands": None, "forgets_after_seconds": _seconds(value)}
    if int(value) < 1:
        raise ValueError
    return {"forgets_after_commands": int(value), "forgets_after_seconds": None}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault as people write it.

    :param fields: those of :class:`Faults` that it sets
    :param value: what its value is, for messages; None when it takes none
    :param parse: turns the value into fields of :class:`Faults`, raising ValueError for a bad one
    """

    fields: tuple[str, ...]
    value: str | None = None
    parse: Callable[[str], dict[str, Any]] = lambda _: {}


KINDS: Final[dict[str, Kind]] = {
    "dead": Kind(("dead",)),
    "slow": Kind(("slow",), "seconds, up to 3600", _slow),
    "lossy": Kind(("lossy",), "a probability above 0, up to 1", _lossy),
    "wrong-password": Kind(("wrong_password",)),
    "session-table-full": Kind(("session_table_full",)),
    "forgets-sessions": Kind(
        ("forgets_after_commands", "forgets_after_seconds"), "commands (20) or seconds (30s)", _forgets
    ),
    "stale": Kind(("stale",), "seconds, up to 3600", _stale),
    "refuses": Kind(("refuses",), "seconds, up to 3600", _refuses),
    "lies": Kind(("lies",)),
    "power-fault": Kind(("power_fault",)),
    "cooling-fault": Kind(("cooling_fault",)),
    "drive-fault": Kind(("drive_fault",)),
    "intrusion": Kind(("intrusion",)),
    "self-test-failed": Kind(("self_test_failed",)),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of fault that appears or goes away: new values for fields of :class:`Faults`."""

    kind: str
    fields: dict[str, Any]

    def apply(self, faults: Faults) -> Faults:
        """What is wrong with a BMC after the change."""
        changed = replace(faults, **self.fields)
        return HEALTHY if changed == HEALTHY else changed


def parse_fault(text: str) -> Change:
    """Read ``KIND`` or ``KIND=VALUE``.

    :raises podium.errors.ConfigError: naming the kinds there are, or what the value has to be
    """
    name, equals, value = text.partition("=")
    kind = _kind(name)
    if kind.value is None:
        if equals:
            raise errors.ConfigError(f"the fault {name} takes no value, and {value!r} was given")
        return Change(name, dict.fromkeys(kind.fields, True))
    try:
        return Change(name, kind.parse(value))
    except ValueError:
        raise errors.ConfigError(f"{text!r}: {name} takes {kind.value}, as {name}=VALUE") from None


def parse_clear(name: str) -> Change:
    """The change that takes a kind of fault away, or every kind for ``all``.

    :raises podium.errors.ConfigError: naming the kinds there are
    """
    fields = Faults.__dataclass_fields__ if name == "all" else _kind(name).fields
    return Change(name, {field: getattr(HEALTHY, field) for field in fields})


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise errors.ConfigError(f"there is no fault {name!r}: there are {', '.join(KINDS)}")
    return KINDS[name]


def parse_placed(text: str) -> tuple[Change, str]:
    """Read ``KIND[=VALUE]:WHERE``; WHERE is read by :func:`select` once the addresses are known.

    :raises podium.errors.ConfigError: when it is not of that form
    """
    fault, colon, where = text.partition(":")
    change = parse_fault(fault)
    if not colon or not where:
        raise errors.ConfigError(f"the fault {text!r} does not say where: give KIND[=VALUE]:WHERE (dead:10%)")
    return change, where


def select(where: str, addresses: range, kind: str = "") -> Sequence[int]:
    """The addresses that ``where`` means.

    :param where: an address, a range of addresses (``127.20.0.5-127.20.0.9``), numbers of BMCs counted
        from 1 (``1,5,7-9``), or a share of all (``10%``), which is spread evenly and is always the same one
    :param addresses: those of all BMCs
    :param kind: the fault it is for; the shares of two kinds fall on different BMCs where there is room
    :raises podium.errors.ConfigError: when it is none of these, or lies outside
    """
    if where.endswith("%"):
        return _share(where, addresses, kind)
    if "." in where:
        return _addresses(where, addresses)
    if re.fullmatch(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*", where, re.ASCII):
        return _numbers(where, addresses)
    raise _nowhere(where, addresses)


def _share(where: str, addresses: range, kind: str) -> Sequence[int]:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?%", where, re.ASCII):
        raise _nowhere(where, addresses)
    share = Fraction(where[:-1]) / 100
    if not 0 < share <= 1:
        raise errors.ConfigError(f"{where} is no share of the BMCs: give more than 0% and up to 100%")
    shift = list(KINDS).index(kind) if kind in KINDS else 0
    up, down = share.numerator, share.denominator
    return [
        address
        for index, address in enumerate(addresses, shift)
        if (index + 1) * up // down > index * up // down
    ]


def _addresses(where: str, addresses: range) -> Sequence[int]:
    first, dash, last = where.partition("-")
    try:
        low = int(ipaddress.IPv4Address(first))
        high = int(ipaddress.IPv4Address(last)) if dash else low
    except ValueError:
        raise _nowhere(where, addresses) from None
    if low > high or low not in addresses or high not in addresses:
        raise _nowhere(where, addresses)
    return range(low, high + 1)


def _numbers(where: str, addresses: range) -> Sequence[int]:
    chosen: set[int] = set()
    for part in where.split(","):
        first, dash, last = part.partition("-")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= len(addresses):
            raise _nowhere(where, addresses)
        chosen.update(addresses[low - 1 : high])
    return sorted(chosen)


def _nowhere(where: str, addresses: range) -> errors.ConfigError:
    first, last = ipaddress.IPv4Address(addresses[0]), ipaddress.IPv4Address(addresses[-1])
    return errors.ConfigError(
        f"{where!r} names no BMC: give addresses from {first} to {last} (A or A-B), "
        f"numbers from 1 to {len(addresses)} (1,5,7-9) or a share (10%)"
    )
