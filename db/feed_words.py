"""What the feeds of a machine say about its power: the second opinion where its hardware does not answer.

A node names its feeds, the outlets that it is plugged into, as ``power_feeds`` in its ``extra``. They are
nodes of their own, of a driver for PDUs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podium import states
from podium.wording import shortened

#: The entry of ``extra`` that names a node's feeds.
KEY: Final = "power_feeds"
#: Feeds that one node may have.
_MOST: Final = 16
#: Characters of the name of a feed.
_LONGEST: Final = 64
#: Watts from which on a machine is on: fewer may be its controller alone.
_ON: Final = 30.0
#: Seconds for which the state of a feed that was read counts.
_RECENT: Final = 600.0


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed of a node.

    :param name: as the node names it
    :param uuid: of the feed; None where it is no node
    :param power_state: that was read last, ``age`` seconds ago; None if it never was
    :param watts: that it delivers now; None if that is not known
    :param error: why it is not
    :param others: the names of other nodes with this feed
    :param is_itself: whether the feed is the node itself
    """

    name: str
    uuid: str | None = None
    power_state: str | None = None
    age: float | None = None
    watts: float | None = None
    error: str | None = None
    others: Sequence[str] = ()
    is_itself: bool = False

    @property
    def problem(self) -> str | None:
        """Why nothing follows from this feed for its node, in words; None if something does."""
        if self.is_itself:
            return f"its feed {self.name} is the node itself"
        if self.uuid is None:
            return f"its feed {self.name} is no node"
        return f"its feed {self.name} also feeds {_some(self.others)}" if self.others else None

    @property
    def is_off(self) -> bool:
        """Whether it was off a short while ago."""
        return self.power_state == states.POWER_OFF and self.age is not None and self.age <= _RECENT


def named(extra: Mapping[str, Any]) -> list[str]:
    """Return the names of the feeds that a node has by its ``extra``.

    What is no name becomes one that no node has. A text is taken for one name, or for several with commas
    between.
    """
    found = extra.get(KEY)
    if found is None:
        return []
    if isinstance(found, str):
        found = [name for part in found.split(",") if (name := part.strip())]
    if not isinstance(found, list):
        found = [found]
    if len(found) > _MOST:
        return [f"list of {len(found)} names, more than {_MOST},"]
    return list(dict.fromkeys(map(_name, found)))


def _name(found: Any) -> str:
    text = found if isinstance(found, str) else json.dumps(found)
    return shortened(text, _LONGEST)


def total(feeds: Sequence[Feed]) -> float | None:
    """Return the watts that feeds deliver together; None if none of them says."""
    known = [feed.watts for feed in feeds if feed.watts is not None]
    return sum(known) if known else None


def in_words(feeds: Sequence[Feed]) -> str | None:
    """Return what the feeds of a node say about its power; None for a node without feeds."""
    if not feeds:
        return None
    if problems := [problem for feed in feeds if (problem := feed.problem)]:
        return "; ".join(problems)
    off = [feed for feed in feeds if feed.is_off]
    words = [f"its {_feeds(off)} {_names(off)} {'is' if len(off) == 1 else 'are'} off"] if off else []
    if others := [feed for feed in feeds if not feed.is_off]:
        words.append(_drawn(others, f"its {'other ' if off else ''}{_feeds(others)}"))
    return "; ".join(words)


def _drawn(feeds: Sequence[Feed], its: str) -> str:
    watts, one = total(feeds), len(feeds) == 1
    silent = any(feed.watts is None for feed in feeds)
    draw = "draws" if one else "draw"
    if watts is None or (silent and watts < _ON):
        return f"{its} {'does' if one else 'do'} not say what {'it draws' if one else 'they draw'}"
    if watts >= _ON:
        return f"{its} {draw} {'at least ' if silent else ''}{watts:.0f} W: it is on"
    return f"{its} {draw} {watts:.0f} W: it may be off" if watts >= 0.5 else f"{its} {draw} nothing"


def _feeds(feeds: Sequence[Feed]) -> str:
    return "feed" if len(feeds) == 1 else "feeds"


def _names(feeds: Sequence[Feed]) -> str:
    return " and ".join(feed.name for feed in feeds)


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
