"""Colours by meaning: good, in need of a look, wrong, and over."""

from collections.abc import Mapping
from typing import Any, Final

GREEN, YELLOW, RED, FAINT = "32", "33", "31", "2"
#: The style of headings.
BOLD: Final = "1"

_MEANINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("power on", "ok", "alive", "works", "done", "running"), GREEN),
    **dict.fromkeys(
        ("warning", "draining", "drained", "leaving", "late", "slowed", "held", "not checked", "unknown"),
        YELLOW,
    ),
    **dict.fromkeys(
        ("error", "critical", "failing", "failed", "silent", "refused", "unreachable", "missing", "expired"),
        RED,
    ),
    **dict.fromkeys(("power off", "gone", "offline", "disabled", "cancelled", "replaced", "revoked"), FAINT),
}
#: Columns of states whose names do not end with _state.
_STATES: Final = frozenset({"state", "status", "health", "result", "place", "severity"})
#: Columns in which every value except nothing, 0 and no has a colour.
_SAY_MORE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("error", "last_error", "failed", "failures", "failing", "unreadable", "expired", "frozen_at"), RED
    ),
    **dict.fromkeys(("maintenance", "in_maintenance", "fault", "differs_in", "skipped"), YELLOW),
}


def colour_of(column: str, value: Any, text: str) -> str | None:
    """Return the colour of a cell; None for the usual colour.

    :param value: what the cell shows
    :param text: its words
    """
    if column in _SAY_MORE:
        return _SAY_MORE[column] if value else None
    if column in _STATES or column.endswith("_state"):
        state = text.partition(":")[0].partition(",")[0]
        return _MEANINGS.get(state.lower())
    return None


def painted(text: str, colour: str | None) -> str:
    """Return a text that a terminal shows in a colour."""
    return text if colour is None else f"\x1b[{colour}m{text}\x1b[0m"
