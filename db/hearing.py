"""Decides when to look for changes: at a notification if the database sends any, and at intervals."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from podium import errors
from podium.db.changes import CHANNEL
from podium.db.engine import Database

if TYPE_CHECKING:
    from podium.db.listener import Listener

#: Seconds between two looks while notifications arrive: the delay if one is lost.
_TRUST: Final = 2.0
#: Seconds between two attempts to listen.
_RETRY: Final = 5.0


class Hearing:
    """Times the looks of one thread.

    A pooler in front of PostgreSQL may swallow notifications. So a change that is found without a
    notification means that frequent looks are needed until a notification arrives.

    :param closing: is set when no wait may continue, and :meth:`interrupt` is called afterwards
    :param clock: seconds, monotonic
    :param channels: on which PostgreSQL notifies
    """

    def __init__(
        self,
        database: Database,
        closing: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        *,
        channels: Sequence[str] = (CHANNEL,),
    ) -> None:
        self._database = database
        self._closing = closing
        self._channels = channels
        self._clock = clock
        self._listener: Listener | None = None
        self._retry_at = -math.inf
        self._looked_at = -math.inf
        self._heard = self._is_deaf = False

    def wait(self, every: float, end: float) -> bool:
        """Wait until it is time to look, or until ``end``, by the clock.

        :param every: the least number of seconds between two looks, and the greatest if no notifications can
            arrive
        :returns: whether it is time to look
        """
        self._closing.wait(max(min(self._looked_at + every, end) - self._clock(), 0.0))
        if self._begins_to_listen():
            self._heard = True  # so to speak: earlier changes sent no notification
            return True
        can_hear = self._listener is not None and not self._is_deaf
        due = self._looked_at + (max(every, _TRUST) if can_hear else every)
        self._heard = self._hear(max(min(due, end) - self._clock(), 0.0))
        return not self._closing.is_set() and (self._heard or due <= end)

    def note_look(self) -> None:
        """Note that a look takes place now."""
        self._looked_at = self._clock()

    def note_found(self, is_changed: bool) -> None:
        """Note the result of the look after :meth:`wait`."""
        if self._heard:
            self._is_deaf = False
        elif is_changed:
            self._is_deaf = True

    def interrupt(self) -> None:
        """End a wait; from any thread."""
        if (listener := self._listener) is not None:
            listener.interrupt()

    def close(self) -> None:
        """Close the connection; call it when no wait is left."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _begins_to_listen(self) -> bool:
        now = self._clock()
        if self._listener is not None or now < self._retry_at or self._closing.is_set():
            return False
        self._retry_at = now + _RETRY
        with contextlib.suppress(errors.DatabaseUnavailable):
            self._listener = self._database.listen(*self._channels)
            if self._listener is None:
                self._retry_at = math.inf
        return self._listener is not None

    def _hear(self, seconds: float) -> bool:
        if self._listener is None or self._closing.is_set():
            self._closing.wait(seconds)
            return False
        try:
            return self._listener.wait(seconds)
        except errors.DatabaseUnavailable:
            self.close()
            return True  # the look reports the outage
