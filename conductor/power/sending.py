"""Sends commands to one node inside of the driver's room, each confirmed by the database right before.

What the hardware said is one of three: it heard the command, it refused, or nobody knows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from podium import errors, masking
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.drivers.base import Node
from podium.drivers.node import held
from podium.pacing import Gaps
from podium.wording import line

LONGEST_CALL: Final = 60.0  # seconds for one call of the driver
#: The least seconds for a command, also at the end of the time. Drivers repeat what a busy BMC refuses for a
#: second or two, and a refusal that is cut off would count as a command that may have been heard.
_LEAST: Final = 5.0
PAUSES: Final = Gaps(0.1, 2.0, growth=1.5)  # between two reads
GAPS: Final = Gaps(1.0, 5.0)  # before hardware that refused is asked again
PERMANENT: Final = (
    *(errors.Unsupported, errors.InvalidDriverInfo, errors.AuthenticationRefused),
    errors.LogChanged,
)
SILENCE: Final = (errors.BMCUnreachable, TimeoutError)

#: Characters of what hardware that does not answer is called.
_LONGEST_WORDS: Final = 500

T = TypeVar("T")
Confirm = Callable[[], Awaitable[None]]


class Failed(Exception):
    """The request ends here, for the reason in the message."""


class Fault(Failed):
    """The driver raised what no driver should: what it did before is not known."""


class Refused(Exception):
    """The hardware refused, perhaps only for now; nothing happened."""


class NotSent(Refused):
    """The command never reached the driver."""


class Unheard(Exception):
    """There was no answer: the command may have been carried out or not."""


class Sender:
    """The commands of one request, and the reads between them. Used by the loop of its room alone.

    :param confirm: has the database confirm that the request is under way here, and note that it was sent
    :param lease: of this conductor, without which nothing is sent
    :param clock: seconds, monotonic
    :param pause: waits for so many seconds
    """

    def __init__(
        self,
        room: DriverRoom,
        node: Node,
        confirm: Confirm,
        *,
        lease: Lease | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.room = room
        self.node = node
        self.now = clock
        self._confirm = confirm
        self._lease = lease
        self._pause = pause

    async def send(
        self,
        what: str,
        end: float,
        method: Callable[..., Any],
        *args: Any,
        look: Callable[[], Awaitable[None]] | None = None,
    ) -> Any:
        """Send one command; return the driver's answer.

        :param what: the command in words
        :param end: by :attr:`now`, when it is given up
        :param look: awaited right before, within the same visit to the node; what it raises keeps the command
            from being sent
        :raises Failed: it was not sent, or in vain, and will be
        :raises Refused: the hardware refused
        :raises NotSent: it was not sent
        :raises Unheard: whether the hardware heard it is not known
        """
        is_confirmed = is_sent = False

        async def first() -> None:
            nonlocal is_confirmed, is_sent
            await self._confirm()
            is_confirmed = True
            if look is not None:
                await look()
            is_sent = True

        sending = method if self._lease is None else self._lease.bounded(method)
        try:
            return await self.room.command(
                self._left(end, _LEAST), self.node, sending, *args, urgent=True, first=first
            )
        except Exception as error:
            words = self.words(error)
            if not is_confirmed and isinstance(error, errors.DatabaseUnavailable | TimeoutError):
                why = "" if isinstance(error, NotAsked) else "it could not be written to the database before"
                raise NotSent(f"{what} was not sent: {why or words}") from None
            if isinstance(error, NotAsked):
                raise NotSent(words) from None
            is_permanent = isinstance(error, PERMANENT)
            if not is_sent and not is_permanent and isinstance(error, errors.DriverError | TimeoutError):
                raise NotSent(f"{what} was not sent: {words}") from None
            if isinstance(error, SILENCE):
                raise Unheard(words) from None
            if isinstance(error, errors.DriverError) and not is_permanent:
                raise Refused(words) from None
            raise (Fault if is_sent and not is_permanent else Failed)(words) from None

    async def patiently(
        self, end: float, send: Callable[[], Awaitable[T]], *, on: type[Refused] = Refused
    ) -> T:
        """Send a command again as long as it is refused; return what ``send`` returned.

        :param on: what it is sent again on
        :raises Refused: it was refused to the end
        """
        gaps = iter(GAPS)
        while True:
            try:
                return await send()
            except on:
                if self.now() >= end:
                    raise
            await self.rest(next(gaps), end)

    async def read(
        self, end: float, method: Callable[..., Any], *args: Any, first: Confirm | None = None
    ) -> Any:
        """Return the answer to a read.

        :param first: awaited right before the call
        :raises Exception: whatever the driver raised
        """
        return await self.room.command(self._left(end), self.node, method, *args, urgent=True, first=first)

    async def rest(self, seconds: float, end: float) -> None:
        """Wait, but not for longer than until the end."""
        await self._pause(min(seconds, max(end - self.now(), 0.001)))

    def _left(self, end: float, least: float = 1.0) -> float:
        return min(max(end - self.now(), least), LONGEST_CALL)

    def words(self, error: Exception) -> str:
        """What went wrong, in one line without secrets."""
        if isinstance(error, TimeoutError) and not isinstance(error, errors.PodiumError):
            return line(self.room.silence(self.node, error), _LONGEST_WORDS, self.scrubbed)
        text = errors.one_line(error, self.scrubbed)
        if not isinstance(error, errors.DriverError | TimeoutError):
            text = f"fault of the driver {self.node.driver}: {text}"
        return text

    def scrubbed(self, text: str) -> str:
        """Return a text of the driver's without secrets."""
        return masking.scrub(text, held(self.node), self.room.secret)
