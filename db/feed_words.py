"""What the feeds of a machine show about its power: a second opinion if its hardware does not answer.

A node lists its feeds, the outlets that it is plugged into, as ``power_feeds`` in its ``extra``. Feeds are
nodes themselves, of a driver for PDUs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podium import states
from podium.wording import shortened

#: The entry of ``extra`` that lists a node's feeds.
KEY: Final = "power_feeds"
#: The most feeds of one node.
_MOST: Final = 16
#: The most characters of a feed's name.
_LONGEST: Final = 64
#: A machine that draws at least this many watts is on; less may be its controller alone.
_ON: Final = 30.0
#: Seconds for which a state read from a feed counts.
_RECENT: Final = 600.0


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed of a node.

    :param name: the name that the node lists
    :param uuid: the feed's UUID; None if the feed is no node
    :param power_state: the state that was last read, ``age`` seconds ago; None if none was read
    :param watts: the watts that it delivers now; None if unknown
    :param error: why the watts are unknown
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
        """Why this feed shows nothing about its node's power, in words; None if it shows something."""
        if self.is_itself:
            return f"its feed {self.name} is the node itself"
        if self.uuid is None:
            return f"its feed {self.name} is no node"
        return f"its feed {self.name} also feeds {_some(self.others)}" if self.others else None

    @property
    def is_off(self) -> bool:
        """Whether it was off recently."""
        return self.power_state == states.POWER_OFF and self.age is not None and self.age <= _RECENT


def named(extra: Mapping[str, Any]) -> list[str]:
    """Return the names of the feeds that a node lists in its ``extra``.

    An invalid name becomes a name that no node has. A text is one name, or several names separated by commas.
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
    """Return the watts that feeds deliver together; None if all are unknown."""
    known = [feed.watts for feed in feeds if feed.watts is not None]
    return sum(known) if known else None


def in_words(feeds: Sequence[Feed]) -> str | None:
    """Return in words what the feeds of a node show about its power; None for a node without feeds."""
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
