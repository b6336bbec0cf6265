"""Sends commands to one node inside the driver's room, each confirmed by the database right before.

A command has one of three outcomes: the hardware accepted it, the hardware refused it, or nobody knows.
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
#: The least seconds for a command, even if less time is left. Drivers repeat a command for a second or two if
#: a busy BMC refuses it, and a refusal that is cut off would count as a command that may have been received.
_LEAST: Final = 5.0
PAUSES: Final = Gaps(0.1, 2.0, growth=1.5)  # between two reads
GAPS: Final = Gaps(1.0, 5.0)  # before a refused command is sent again
PERMANENT: Final = (
    *(errors.Unsupported, errors.InvalidDriverInfo, errors.AuthenticationRefused),
    errors.LogChanged,
)
SILENCE: Final = (errors.BMCUnreachable, TimeoutError)

#: Longest message about hardware that does not answer, in characters.
_LONGEST_WORDS: Final = 500

T = TypeVar("T")
Confirm = Callable[[], Awaitable[None]]


class Failed(Exception):
    """The request ends here, for the reason in the message."""


class Fault(Failed):
    """The driver raised an exception that no driver should: what it did before that is unknown."""


class Refused(Exception):
    """The hardware refused, perhaps only for now; nothing happened."""


class NotSent(Refused):
    """The command never reached the driver."""


class Unheard(Exception):
    """There was no answer: the command may have been carried out or not."""


class Sender:
    """Sends the commands of one request, and reads between them. Only the loop of its room may use it.

    :param confirm: has the database confirm that the request is under way here, and record that it was sent
    :param lease: this conductor's lease; without it nothing is sent
    :param clock: seconds, monotonic
    :param pause: waits for the given number of seconds
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
        :param end: when to give up, by :attr:`now`
        :param look: awaited right before the command, within the same visit to the node; if it raises, the
            command is not sent
        :raises Failed: the command was not sent or had no effect, and another attempt would not help
        :raises Fault: the driver raised an exception that no driver should
        :raises Refused: the hardware refused
        :raises NotSent: the command was not sent
        :raises Unheard: it is unknown whether the hardware received the command
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
        """Repeat a command as long as it is refused; return the result of ``send``.

        :param on: the exception after which it is repeated
        :raises Refused: it was still refused at the end
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
        """Wait, but no longer than until the end."""
        await self._pause(min(seconds, max(end - self.now(), 0.001)))

    def _left(self, end: float, least: float = 1.0) -> float:
        return min(max(end - self.now(), least), LONGEST_CALL)

    def words(self, error: Exception) -> str:
        """The error, in one line without secrets."""
        if isinstance(error, TimeoutError) and not isinstance(error, errors.PodiumError):
            return line(self.room.silence(self.node, error), _LONGEST_WORDS, self.scrubbed)
        text = errors.one_line(error, self.scrubbed)
        if not isinstance(error, errors.DriverError | TimeoutError):
            text = f"fault of the driver {self.node.driver}: {text}"
        return text

    def scrubbed(self, text: str) -> str:
        """Return a text from the driver without secrets."""
        return masking.scrub(text, held(self.node), self.room.secret)
