"""Answers that the conductor of a node gives, see podium.client.calls.hardware."""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from podium import errors
from podium.client.calls.call import answer_of
from podium.client.calls.hardware import AskHardware, ReadSensors
from podium.client.local.backend import Answers, Backend
from podium.db import hardware_reads
from podium.db.hardware_reads import HardwareRead

T = TypeVar("T")

#: Seconds between two looks for the answer, short at first and then a tenth of what was waited.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0


class Owed(Generic[T]):
    """An answer that a conductor owes. Who waits looks for it again and again, with pauses between.

    :param clock: seconds, which nobody sets
    """

    def __init__(
        self, backend: Backend, call: AskHardware[T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._call = call
        self._clock = clock
        self._asked_at = clock()
        self._number: int | None = None

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return min(max(_FIRST_PAUSE, (self._clock() - self._asked_at) / 10), _LONGEST_PAUSE)

    def look(self) -> T | None:
        """Ask if that was not done, and return the answer; None as long as there is none.

        :raises podium.errors.PodiumError: why it could not be read
        """
        if self._number is None:
            call, who = self._call, self._backend.who
            # No key: what is sent twice while it is not answered is read once in any case.
            self._number = self._backend.step(
                lambda connection: hardware_reads.ask(connection, call.node, call.kind, who)
            )
            return None
        with self._backend.database.read() as connection:
            read = hardware_reads.find(connection, self._number)
        if read is None:
            raise errors.NodeConflict(f"{self._call.node}: the answer was deleted meanwhile; ask again")
        if read.finished_at is not None:
            return self._answer(read)
        if self._clock() - self._asked_at >= self._call.wait:
            raise errors.NodeConflict(
                f"{self._call.node}: the conductor {read.reader.host} has not answered within"
                f" {self._call.wait:g} s; see: podium conductor list"
            )
        return None

    def _answer(self, read: HardwareRead) -> T:
        if read.answer is None:
            kind = getattr(errors, read.error_kind or "", errors.DriverError)
            raise kind(read.error)
        shown = {
            "node": self._call.node,
            "node_uuid": read.node_uuid,
            "read_at": read.finished_at,
            "conductor": str(read.reader),
        }
        found: T = msgspec.convert({**read.answer, **shown}, answer_of(type(self._call)))
        return found


def wait_for(backend: Backend, call: AskHardware[T]) -> T:
    """Return what a conductor has read, once it has."""
    owed = Owed(backend, call)
    while (found := owed.look()) is None:
        time.sleep(owed.pause)
    return found


ANSWERS: Final[Answers] = {ReadSensors: wait_for}
