"""The state of the fleet in a few lines: what needs attention first, then the figures."""

import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from podium.cli.showing.colours import BOLD, GREEN, RED, YELLOW, painted
from podium.cli.showing.screen import Screen
from podium.cli.showing.widths import cut
from podium.cli.showing.words import age, one_line
from podium.client.calls.status import Finding, NodeCounts, Readings, Status
from podium.node_ranges import fold

#: The width of the names of figures.
_LABEL: Final = 13
#: The most findings that are shown.
MOST: Final = 10
#: The indentation of a command, and of its further lines.
_INDENT: Final = "    "
_FURTHER: Final = "      "
_COMMAND: Final = f"{_INDENT}podium "
_COLOURS: Final[Mapping[str, str]] = {"critical": RED, "warning": YELLOW}


def fleet_lines(status: Status, screen: Screen | None, now: datetime, most: int = MOST) -> list[str]:
    """Return the lines.

    :param screen: the terminal that the lines must fit; None for lines of any length without colours
    :param now: by the database's clock
    :param most: the most findings that are shown
    """
    lines = [*_attention(status.attention, now, most), ("", None)]
    lines += ((f"{name:{_LABEL}}{text}", None) for name, text in _figures(status) if text)
    if screen is None:
        return [one_line(text) for text, _ in lines]
    return [one for text, colour in lines for one in _fitted(text, colour, screen)]


def _fitted(text: str, colour: str | None, screen: Screen) -> list[str]:
    if text.startswith(_COMMAND):
        return _copied(text.strip(), screen.columns)
    shown = cut(one_line(text), screen.columns, screen.dots)
    return [painted(shown, colour) if screen.has_colours else shown]


def _copied(command: str, columns: int) -> list[str]:
    """Return a command as lines that can be copied to a shell."""
    width = max(columns - len(_FURTHER) - len(" \\"), 1)
    pieces = textwrap.wrap(command, width, break_long_words=False, break_on_hyphens=False)
    lines: list[str] = []
    for number, piece in enumerate(pieces, 1):
        is_end = number == len(pieces) or _is_open(" ".join(pieces[:number]))
        joined = "" if is_end else " \\"  # a quoted text may span lines
        lines.append(f"{_FURTHER if lines else _INDENT}{piece}{joined}")
    return lines


def _is_open(text: str) -> bool:
    """Return whether a text ends inside quotes."""
    try:
        shlex.split(text)
    except ValueError:
        return True
    return False


def _attention(found: Sequence[Finding], now: datetime, most: int) -> Iterable[tuple[str, str | None]]:
    if not found:
        yield "nothing needs attention", GREEN
        return
    yield f"{_number(len(found), 'thing')} {'needs' if len(found) == 1 else 'need'} attention", BOLD
    for one in found[:most]:
        since = "" if one.since is None else f" ({age(one.since, now)})"
        names = "" if one.names is None else f": {one.names}"
        yield f"  {one.text}{since}{names}", _COLOURS.get(one.severity)
        yield f"{_INDENT}{one.command}", None
    if found[most:]:
        yield f"  and {_number(len(found) - most, 'other')}, see: podium status -f yaml -c attention", None


def _figures(status: Status) -> Iterable[tuple[str, str]]:
    its = status.nodes
    if its.total or its.enroll:
        yield "nodes", _nodes(its)
    else:
        yield "nodes", "none yet; enrol some: podium node import FILE"
    if its.total:
        yield "readings", _readings(status.readings)
        yield "health", _health(its)
    yield "maintenance", _listed({"": its.in_maintenance, "of them unreadable": its.unreadable}) or "none"
    yield "changes", _changes(status)
    yield "conductors", _conductors(status)
    if status.enforcement.frozen_at is None and its.to_be_restored:
        yield "enforcement", f"{_number(its.to_be_restored, 'node')} to be restored"


def _nodes(its: NodeCounts) -> str:
    states = {
        "on": its.power_on,
        "off": its.power_off,
        "error": its.power_error,
        "never read": its.power_unknown,
        "in enroll beside them": its.enroll,
    }
    return f"{its.total:,}: {_listed(states)}" if any(states.values()) else f"{its.total:,}"


def _readings(its: Readings) -> str:
    if its.oldest is None:
        return "none yet"
    share = f"{its.fresh_share * 100:.2f}".rstrip("0").rstrip(".")
    if share == "100" and its.fresh_share < 1:
        share = "99.99"
    return f"{share} % no older than {its.max_age:g} s, the oldest {its.oldest:.0f} s"


def _health(its: NodeCounts) -> str:
    return _listed(
        {
            "ok": its.health_ok,
            "warning": its.health_warning,
            "critical": its.health_critical,
            "unknown": its.health_unknown,
        }
    )


def _changes(status: Status) -> str:
    its = status.changes
    if not its.operations:
        return "none under way"
    newest = ", ".join(
        f"{one.id} ({one.action}, {one.unfinished:,} of {one.nodes:,} left)" for one in its.newest
    )
    more = its.operations - len(its.newest)
    return f"{_number(its.operations, 'operation')}: {newest}{f' and {more} more' if more > 0 else ''}"


def _conductors(status: Status) -> str:
    by_state: dict[str, list[str]] = {}
    for one in status.conductors:
        by_state.setdefault(one.state, []).append(one.hostname)
    words = (f"{len(hosts)} {state}: {fold(hosts)}" for state, hosts in sorted(by_state.items()))
    return "; ".join(words) or "none has run yet; start one: podium-conductor"


def _listed(counts: Mapping[str, int]) -> str:
    """Return numbers with their words, without zeros."""
    return ", ".join(f"{count:,} {word}".rstrip() for word, count in counts.items() if count)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
