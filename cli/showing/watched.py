"""Watched nodes: their state, which of them changed last, and what a terminal shows of them."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from podium.cli.showing import tables
from podium.cli.showing.colours import BOLD, RED, painted
from podium.cli.showing.screen import Screen
from podium.cli.showing.tables import Form
from podium.cli.showing.widths import cut
from podium.cli.showing.words import one_line
from podium.client.calls.call import plain
from podium.client.calls.changes import NodeChange
from podium.client.calls.nodes import Node
from podium.node_ranges import natural

COLUMNS: Final = (
    "name",
    "power_state",
    "target_power_state",
    "power_changed_at",
    "maintenance",
    "health",
    "last_error",
)
_FORM: Final = Form(
    "nodes",
    dropped=("target_power_state", "health", "power_changed_at", "maintenance"),
    prose=("health", "last_error"),
)
#: Seconds for which a change is marked, and a node that is gone is shown.
_MARKED: Final = 10.0
_MARK: Final = "> "
#: Lines besides those of nodes: the summary, the names of the columns, and a note.
_OTHERS: Final = 3
_PLAIN: Final = "\x1b[0m"


class Seen(NamedTuple):
    """A node that changed, as it is now.

    :ivar gone: whether it was deleted, or is no longer among the chosen nodes
    """

    node: Node
    gone: bool = False


@dataclass(slots=True)
class _Entry:
    """:ivar changed: when its change was seen; None if it has not changed since the beginning"""

    node: Node
    changed: float | None = None
    gone: bool = False


class Watched:
    """The nodes that somebody watches; used by one thread at a time.

    :param clock: seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._gone: dict[str, _Entry] = {}  # in the order in which they went
        self._has_begun = False
        self._note: tuple[str, float] | None = None

    def begin(self, nodes: Iterable[Node]) -> list[Seen]:
        """Take a list of all nodes, and return those that differ from the previous list."""
        found = {node.uuid: node for node in nodes}
        seen = [Seen(self._entries[uuid].node, True) for uuid in self._entries.keys() - found.keys()]
        seen += [Seen(node) for uuid, node in found.items() if not self._is_known(node)]
        if not self._has_begun:
            self._entries = {uuid: _Entry(node) for uuid, node in found.items()}
            self._has_begun = True
            return []
        return [one for each in seen for one in self._changed(each)]

    def take(self, change: NodeChange) -> list[Seen]:
        """Take a change, and return the node if the change is visible in it."""
        if change.gone:
            known = self._entries.get(change.node.uuid)
            return [] if known is None else self._changed(Seen(known.node, True))
        return [] if self._is_known(change.node) else self._changed(Seen(change.node))

    def note(self, text: str) -> None:
        """Take a line that is shown until the next change."""
        self._note = text, self._clock()

    def _is_known(self, node: Node) -> bool:
        known = self._entries.get(node.uuid)
        return known is not None and known.node == node

    def _changed(self, seen: Seen) -> list[Seen]:
        uuid, now = seen.node.uuid, self._clock()
        self._entries.pop(uuid, None)
        self._gone.pop(uuid, None)
        (self._gone if seen.gone else self._entries)[uuid] = _Entry(seen.node, now, seen.gone)
        self._forget_gone(now)
        self._note = None
        return [seen]

    def _forget_gone(self, now: float) -> None:
        while self._gone and not self._is_new(self._gone[first := next(iter(self._gone))], now):
            del self._gone[first]

    def lines(self, screen: Screen) -> list[str]:
        """Return what a terminal shows: all nodes, or those that changed last."""
        now = self._clock()
        self._forget_gone(now)
        room = max(screen.lines - _OTHERS, 1)
        entries = self._those_that_fit(room)
        rows = [self._row(one) for one in entries]
        narrower = screen._replace(columns=max(screen.columns - len(_MARK), 1))
        head, *lines = tables.of_list(_FORM, COLUMNS, rows, narrower, datetime.now(UTC))
        marked = [
            self._marked(line, self._is_new(one, now), screen)
            for line, one in zip(lines, entries, strict=True)
        ]
        shown = [self._summary(len(entries), screen), f"{' ' * len(_MARK)}{head}", *marked]
        return [*shown, *self._notes(now, screen)]

    def _is_new(self, one: _Entry, now: float) -> bool:
        return one.changed is not None and now - one.changed < _MARKED

    def _those_that_fit(self, room: int) -> Sequence[_Entry]:
        entries = [*self._entries.values(), *self._gone.values()]
        if len(entries) > room:
            last = [one for one in entries if one.changed is not None]
            newest = heapq.nlargest(room, last, key=lambda one: one.changed or 0.0)
            rest = [one for one in entries if one.changed is None]
            few = heapq.nsmallest(room - len(newest), rest, key=lambda one: natural(one.node.name))
            return [*newest, *few]
        return sorted(entries, key=lambda one: natural(one.node.name))

    @staticmethod
    def _row(one: _Entry) -> list[Any]:
        if one.gone:
            return [one.node.name, "gone", *[None] * (len(COLUMNS) - 2)]
        return [plain(getattr(one.node, name)) for name in COLUMNS]

    @staticmethod
    def _marked(line: str, is_new: bool, screen: Screen) -> str:
        if not is_new:
            return f"{' ' * len(_MARK)}{line}"
        if not screen.has_colours:
            return f"{_MARK}{line}"
        # The end of a cell's own colour also ends bold.
        return painted(f"{_MARK}{line}".replace(_PLAIN, f"{_PLAIN}\x1b[{BOLD}m"), BOLD)

    def _summary(self, shown: int, screen: Screen) -> str:
        there = [one.node.power_state or "never read" for one in self._entries.values()]
        counts = ", ".join(f"{count:,} {state}" for state, count in sorted(Counter(there).items()))
        number = f"{len(there):,} node{'' if len(there) == 1 else 's'}"
        more = len(self._entries) + len(self._gone) - shown
        rest = f"; {more:,} that changed before these are not shown" if more > 0 else ""
        return cut(f"{number}{': ' if counts else ''}{counts}{rest}", screen.columns, screen.dots)

    def _notes(self, now: float, screen: Screen) -> list[str]:
        if self._note is None:
            return []
        text, at = self._note
        line = cut(one_line(f"{now - at:.0f} s ago: {text}"), screen.columns, screen.dots)
        return [painted(line, RED if screen.has_colours and text.startswith("warning: ") else None)]
