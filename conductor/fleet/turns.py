"""Decides when it is this member's turn to make a generation, so that not all members make it at once."""

from collections.abc import Collection
from typing import Final

from podium.db.slots import Roster, Whom
from podium.db.worker import Worker

#: Seconds for which a member waits for each member that entered before it.
_STEP: Final = 1.0
#: Seconds between two checks of whether the slots have become uneven.
_LEVELLING: Final = 30.0
#: Seconds for which workers of one daemon wait for each other, so that the first does not load all nodes.
_GATHERING: Final = 5.0


class Turns:
    """Whose turn it is. Only the conductor's loop may use it; every ``now`` is in seconds of one clock.

    A generation is due when the members that take slots differ from those of the last generation. The member
    that entered first makes it at once, the next member only if that has not happened after a second, and so
    on. If slots become uneven while nodes are enrolled, the first member levels them.

    :param workers: the number of this daemon's processes
    """

    def __init__(self, member: Worker, workers: int, now: float) -> None:
        self._me = member
        self._workers = workers
        self._gather_until = now + _GATHERING
        self._planned: Whom | None = None  # the members of the last distribution
        self._new: tuple[Whom, int, float] | None = None  # changed members, the generation, since when
        self._due_at: float | None = None
        self._size: object = None
        self._levelled: object = None  # the size at the last check of whether slots are uneven
        self._level_at = now + _LEVELLING

    def note_size(self, size: object) -> None:
        """Note a value that changes when nodes are enrolled or deleted."""
        self._size = size

    def forget(self) -> None:
        """Forget the members of the last distribution."""
        self._planned = self._new = None

    def is_due(self, now: float) -> bool:
        """Whether to call :meth:`is_mine` again although no member has changed."""
        return (self._due_at is not None and now >= self._due_at) or self._is_to_level(now)

    def is_planned(self, roster: Roster) -> bool:
        """Whether the slots were distributed among these members."""
        return roster.whom == self._planned

    def is_mine(self, roster: Roster, living: Collection[Worker], now: float) -> bool:
        """Whether this member is to make a generation now."""
        self._due_at = None
        if roster.whom == self._planned:
            return self._is_to_level(now)
        if self._new is None or self._new[0] != roster.whom:
            self._new = roster.whom, roster.generation, now
        elif roster.generation > self._new[1]:
            self._planned = roster.whom  # another member has made it
            return False
        due_at = max(self._new[2] + self._rank(roster) * _STEP, self._gathered_at(living))
        self._due_at = None if now >= due_at else due_at
        return now >= due_at

    def note_made(self, roster: Roster, made: int | None, now: float) -> None:
        """Note that this member has made a generation, or found that none is needed.

        :param roster: the roster before that
        """
        self._level_at, self._levelled = now + _LEVELLING, self._size
        if made is not None or roster.is_settled:  # otherwise joins wait for the next attempt
            self._planned = roster.whom

    def _rank(self, roster: Roster) -> int:
        numbers = [one.id for one in roster.whom.able]
        # A member that leaves waits for nobody.
        return numbers.index(self._me.incarnation) if self._me.incarnation in numbers else 0

    def _gathered_at(self, living: Collection[Worker]) -> float:
        here = sum(one.host == self._me.host for one in living)
        return 0.0 if here >= self._workers else self._gather_until

    def _is_to_level(self, now: float) -> bool:
        able = self._planned.able if self._planned else ()
        is_first = len(able) > 1 and able[0].id == self._me.incarnation
        return is_first and self._size != self._levelled and now >= self._level_at
