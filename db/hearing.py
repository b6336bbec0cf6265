"""When to look for changes: at a notification where the database sends any, and every now and then."""

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

#: Seconds between two looks while notifications come: what one that is lost can cost.
_TRUST: Final = 2.0
#: Seconds between two attempts to listen.
_RETRY: Final = 5.0


class Hearing:
    """Times the looks of one thread.

    A pooler between here and PostgreSQL may swallow notifications. So a change that is found without one
    means that looks are needed often, until a notification comes.

    :param closing: is set when nobody is to wait any longer, which is followed by :meth:`interrupt`
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
        """Wait until it is time to look, or for the end, by the clock.

        :param every: seconds from one look to the next, at least, and at most where nothing can be heard
        :returns: whether it is time to look
        """
        self._closing.wait(max(min(self._looked_at + every, end) - self._clock(), 0.0))
        if self._begins_to_listen():
            self._heard = True  # in a way: of what changed before there was no word
            return True
        can_hear = self._listener is not None and not self._is_deaf
        due = self._looked_at + (max(every, _TRUST) if can_hear else every)
        self._heard = self._hear(max(min(due, end) - self._clock(), 0.0))
        return not self._closing.is_set() and (self._heard or due <= end)

    def note_look(self) -> None:
        """Note that somebody looks now."""
        self._looked_at = self._clock()

    def note_found(self, is_changed: bool) -> None:
        """Note what the look after :meth:`wait` found."""
        if self._heard:
            self._is_deaf = False
        elif is_changed:
            self._is_deaf = True

    def interrupt(self) -> None:
        """End a wait; from any thread."""
        if (listener := self._listener) is not None:
            listener.interrupt()

    def close(self) -> None:
        """Close the connection, when nobody waits any longer."""
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
            return True  # the look reports an outage
