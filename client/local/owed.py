"""Answers that conductors owe to waiting callers."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import sqlalchemy as sa

from podium import errors
from podium.client.local.backend import Backend
from podium.db import roster
from podium.db.hardware_reads import HardwareRead

T = TypeVar("T")

#: Seconds between two looks for the answer: short at first, later a tenth of the time waited.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0


def pause_after(waited: float) -> float:
    """Return the seconds until the next look, after this many seconds of waiting."""
    return min(max(_FIRST_PAUSE, waited / 10), _LONGEST_PAUSE)


class Owed(ABC, Generic[T]):
    """An answer that conductors owe. The caller looks for it repeatedly, with pauses between.

    :param clock: seconds of a clock that is never set
    """

    def __init__(self, backend: Backend, wait: float, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._patience = wait
        self._clock = clock
        self._asked_at = clock()

    @property
    def pause(self) -> float:
        """The seconds until the next look."""
        return pause_after(self._clock() - self._asked_at)

    @abstractmethod
    def look(self) -> T | None:
        """Request the answer if that was not done, and return it; None as long as there is none.

        :raises podium.errors.PodiumError: why it could not be read
        """

    def wait(self) -> T:
        """Return the answer, once it is there."""
        while (found := self.look()) is None:
            time.sleep(self.pause)
        return found

    @property
    def _is_late(self) -> bool:
        return self._clock() - self._asked_at >= self._patience

    def _late(self, connection: sa.Connection, name: str, read: HardwareRead) -> errors.NodeConflict:
        is_heard = read.reader in roster.heard(connection).values()
        why = (
            "it was alive a moment ago: perhaps the hardware does not answer it; ask again, and wait longer"
            if is_heard
            else "see: podium conductor list"
        )
        return errors.NodeConflict(
            f"{name}: the conductor {read.reader.host} has not answered within {self._patience:g} s; {why}"
        )
