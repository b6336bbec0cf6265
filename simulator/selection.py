"""Selects simulated BMCs by address, number or share of the total."""

import ipaddress
import itertools
import re
from collections.abc import Sequence
from fractions import Fraction

from podium import errors
from podium.simulator.faults import KINDS


def select(where: str, ranges: Sequence[range], kind: str = "") -> Sequence[int]:
    """Return the addresses that ``where`` selects.

    :param where: an address, a range of addresses (``127.20.0.5-127.20.0.9``), numbers of BMCs counted
        from 1 (``1,5,7-9``), or a share of all (``10%``), which is spread evenly and always the same
    :param ranges: the addresses of all BMCs, one range for each protocol
    :param kind: the kind of fault; the shares of two kinds are different BMCs if there is room
    :raises podium.errors.ConfigError: if ``where`` has another form, or is outside the ranges
    """
    if where.endswith("%"):
        return _share(where, ranges, kind)
    if "." in where:
        return _addresses(where, ranges)
    if re.fullmatch(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*", where, re.ASCII):
        return _numbers(where, ranges)
    raise _nowhere(where, ranges)


def _share(where: str, ranges: Sequence[range], kind: str) -> Sequence[int]:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?%", where, re.ASCII):
        raise _nowhere(where, ranges)
    share = Fraction(where[:-1]) / 100
    if not 0 < share <= 1:
        raise errors.ConfigError(f"{where} is not a share of the BMCs: give more than 0% and up to 100%")
    shift = list(KINDS).index(kind) if kind in KINDS else 0
    up, down = share.numerator, share.denominator
    return [
        address
        for index, address in enumerate(itertools.chain(*ranges), shift)
        if (index + 1) * up // down > index * up // down
    ]


def _addresses(where: str, ranges: Sequence[range]) -> Sequence[int]:
    first, dash, last = where.partition("-")
    try:
        low = int(ipaddress.IPv4Address(first))
        high = int(ipaddress.IPv4Address(last)) if dash else low
    except ValueError:
        raise _nowhere(where, ranges) from None
    if low > high or not any(low in addresses and high in addresses for addresses in ranges):
        raise _nowhere(where, ranges)
    return range(low, high + 1)


def _numbers(where: str, ranges: Sequence[range]) -> Sequence[int]:
    every: Sequence[int] = ranges[0] if len(ranges) == 1 else list(itertools.chain(*ranges))
    chosen: set[int] = set()
    for part in where.split(","):
        first, dash, last = part.partition("-")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= len(every):
            raise _nowhere(where, ranges)
        chosen.update(every[low - 1 : high])
    return sorted(chosen)


def _nowhere(where: str, ranges: Sequence[range]) -> errors.ConfigError:
    spans = (f"{ipaddress.IPv4Address(one[0])} to {ipaddress.IPv4Address(one[-1])}" for one in ranges)
    return errors.ConfigError(
        f"{where!r} names no BMC: give addresses from {' or '.join(spans)} (A or A-B), "
        f"numbers from 1 to {sum(map(len, ranges))} (1,5,7-9) or a share (10%)"
    )
