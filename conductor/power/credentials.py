"""Carries out one change of credentials inside the driver's room, and proves which ones the hardware has.

If the hardware already has the new credentials, one login with them decides. The login is tried once, so that
a wrong password costs one wrong login; it is not repeated after a crash either.

If Podium is to change the password on the hardware, the old credentials are proved, the new password is sent
once, and a login then shows which password is in force, whatever the hardware answered. Until that is known,
nothing else talks to the hardware. The new credentials are tried first. If they are refused, the old ones are
tried, and count only if they are accepted a second time some seconds later: hardware may have taken a new
password without using it yet.
"""

import asyncio
import contextlib
import enum
import inspect
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from podium import echoes, errors, masking
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.refusals import Refusals
from podium.conductor.power.sending import LONGEST_CALL
from podium.conductor.rooms import hiding
from podium.conductor.rooms.holding import Hold
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.db.credential_changes import IN_FORCE, KEPT, SENT, UNKNOWN, Change, with_entries
from podium.drivers.base import Node, checks_login, sets_password
from podium.pacing import Gaps

#: Seconds before hardware that does not answer is tried again: it may be rebooting.
_GAPS: Final = Gaps(5.0, 60.0)
#: Seconds after which old credentials that were accepted are tried again before they count.
_AGAIN: Final = 10.0
#: Errors that are not faults of the driver.
_PLAIN: Final = (errors.DriverError, errors.DatabaseError, errors.NodeConflict, TimeoutError)


class _Answer(enum.Enum):
    """What a login shows about credentials."""

    RIGHT = enum.auto()
    WRONG = enum.auto()
    NOT_TRIED = enum.auto()  # the driver allows no login for a while
    SILENCE = enum.auto()


class _Failed(Exception):
    """The change ends here, for the reason in the message, and nothing was sent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested change.

    :param timeout: seconds to prove the old credentials, and again to prove either the old or the new ones
    :param tried: whether a conductor that has ended may have sent something
    :param refused_ago: seconds since the last refused login; the change has their number
    """

    change: Change
    timeout: float
    tried: bool = False
    refused_ago: float = 0.0


class _Side(NamedTuple):
    """The old or the new credentials: the node with them."""

    node: Node
    state: str


class Became(NamedTuple):
    """How a change ended.

    :param error: the reason of a failure
    :param credentials: in force, kept or unknown, see podium.db.credential_changes
    """

    error: str | None
    credentials: str


class CredentialChange:
    """One requested change under way. Only the loop of its room may use it.

    :param others: nodes that share the account; they are not visited meanwhile either
    :param confirm: has the database confirm that the request is under way here, and record that it was sent
    :param note_refused: records how many logins were refused in a row
    :param lease: this conductor's lease; without it nothing is sent
    :param clock: seconds, monotonic
    :param pause: waits for the given number of seconds
    """

    def __init__(
        self,
        room: DriverRoom,
        node: Node,
        wanted: Wanted,
        confirm: Callable[[], Awaitable[None]],
        *,
        others: Sequence[Node] = (),
        note_refused: Callable[[int], Awaitable[None]],
        lease: Lease | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._room = room
        self._driver = room.driver
        self._wanted = wanted
        self._change = change = wanted.change
        self._nodes = [node, *others]
        self._sides: tuple[_Side, ...] = ()
        self._confirm = confirm
        self._lease = lease
        self._clock = clock
        self._pause = pause
        count = change.refused_logins or 0
        self._refusals = Refusals(count, wanted.refused_ago, note_refused, clock, pause)
        self._hold: Hold | None = None
        self._said = ""  # why the last attempt failed

    async def carry_out(self) -> Became:
        """Carry out the request, and find out which credentials the hardware has."""
        is_sent = self._change.state == SENT
        try:
            self._open()
            self._check_support()
            if not is_sent:
                self._check_refused()
            async with contextlib.AsyncExitStack() as stack:
                self._hold = await self._take(stack)
                if is_sent:
                    return await self._prove(self._new, self._old)
                if not self._change.on_bmc:
                    return await self._verify()
                return await self._give()
        except _Failed as failure:
            text = str(failure)
        except Exception as error:
            text = self._words(error)
        return Became(text, UNKNOWN if is_sent else KEPT)

    def _open(self) -> None:
        """Build the node with the old and with the new credentials.

        :raises _Failed: the passwords cannot be decrypted
        """
        node = self._nodes[0]
        try:
            self._old = _Side(_with(node, self._change.old), KEPT)
            self._new = _Side(_with(node, self._change.new), IN_FORCE)
        except errors.SecretUnreadable as damage:
            raise _Failed(f"the passwords of this change cannot be read: {damage}") from None
        self._sides = self._new, self._old
        # From here on the secrets of both are hidden in the log.
        hiding.note_call(self._room.secrets, self._old.node, self._new.node)

    def _check_refused(self) -> None:
        """Raise unless a login may be tried now."""
        if wait := self._refusals.wait:
            raise _Failed(
                f"logins were refused in a row within minutes, and another one could lock the account: ask"
                f" again in {math.ceil(wait)} s"
            )

    def _check_support(self) -> None:
        name = self._driver.name
        if not checks_login(self._driver):
            raise _Failed(f"the driver {name} cannot try a login")
        if self._change.on_bmc and not sets_password(self._driver):
            raise _Failed(f"the driver {name} cannot change the password on the BMC")
        # The old credentials are not needed to prove the new ones, and may be lost.
        for side in reversed(self._sides) if self._change.on_bmc else (self._new,):
            self._driver.validate(side.node)

    async def _take(self, stack: contextlib.AsyncExitStack) -> Hold:
        """Reserve the nodes for this change, once other calls to them have returned."""
        end, gaps = self._clock() + self._wanted.timeout, iter(_GAPS)
        while True:
            seconds = min(max(end - self._clock(), 1.0), LONGEST_CALL)
            try:
                return await stack.enter_async_context(self._room.holding(self._nodes, seconds))
            except NotAsked:
                if self._clock() >= end:
                    raise
            await self._rest(next(gaps), end)

    async def _verify(self) -> Became:
        """Try credentials that the hardware should already have."""
        if self._wanted.tried:
            raise _Failed(
                "a conductor ended while it tried the new password, and it is not tried twice, because"
                " hardware locks accounts; ask again"
            )
        end = self._clock() + self._wanted.timeout
        login = self._first(end, self._new.node, self._driver.check_login)
        if await self._answer(login, end) is _Answer.RIGHT:
            return Became(None, IN_FORCE)
        raise _Failed(self._said)

    async def _give(self) -> Became:
        """Have the hardware change the password, after the old one was proved."""
        end = self._clock() + self._wanted.timeout
        gaps = iter(_GAPS)
        while (answer := await self._try(self._old, end)) is not _Answer.RIGHT:
            if answer is not _Answer.SILENCE or self._clock() >= end:
                raise _Failed(f"the present password was not proved, so that none was sent: {self._said}")
            await self._rest(next(gaps), end)
        await self._room.close_sessions(self._nodes)
        if await self._send(end):
            return await self._prove(self._new, self._old)
        return await self._prove(self._old, self._new)

    async def _send(self, end: float) -> bool:
        """Send the new password once; return whether the hardware may have accepted it.

        :raises _Failed: it was not sent
        """
        give = self._giving()
        method = give if self._lease is None else self._lease.bounded(give)
        try:
            await self._first(end, self._old.node, method, self._new.node)
        except _Failed:
            raise
        except (errors.BMCUnreachable, TimeoutError) as silence:
            self._said = self._words_of_it(silence)
        except errors.DriverError as refusal:
            self._said = self._words_of_it(refusal)
            if isinstance(refusal, errors.AuthenticationRefused) and not refusal.wait:
                await self._refusals.add(end)
            return False
        except Exception as fault:
            self._said = self._words_of_it(fault)
        return True

    def _giving(self) -> Callable[[Node, Node], Any]:
        """The driver's ``set_password``, called with the old and new node, whose secrets no log shows."""
        login, method = self._driver.login, self._driver.set_password
        assert login is not None
        name = login.password
        if not inspect.iscoroutinefunction(method):
            return lambda node, new: method(node, new.driver_info[name])

        async def give(node: Node, new: Node) -> None:
            await method(node, new.driver_info[name])

        return give

    async def _first(self, end: float, node: Node, method: Callable[..., Any], *args: Any) -> None:
        """Make the call that is made only once, right after the database has confirmed the request.

        :raises _Failed: it was not made
        """
        is_confirmed = False

        async def confirm() -> None:
            nonlocal is_confirmed
            await self._confirm()
            is_confirmed = True

        gaps = iter(_GAPS)
        while True:
            try:
                return await self._call(end, node, method, *args, first=confirm)
            except Exception as error:
                if is_confirmed and not isinstance(error, NotAsked):
                    raise
                if is_confirmed or not isinstance(error, errors.DatabaseUnavailable | TimeoutError):
                    raise _Failed(f"nothing was sent: {self._words(error)}") from None
                if self._clock() >= end:
                    why = "" if isinstance(error, NotAsked) else "it could not be written down before: "
                    raise _Failed(f"nothing was sent: {why}{self._words(error)}") from None
            await self._rest(next(gaps), end)

    async def _prove(self, first: _Side, second: _Side) -> Became:
        """Find out which credentials the hardware has, with as few wrong logins as possible.

        The old credentials count once they were accepted twice, even if the hardware reported that it kept
        them.
        """
        story, end = self._said, self._clock() + self._wanted.timeout
        gaps, was_right = iter(_GAPS), False
        wrong: set[str] = set()
        while True:
            if wait := self._refusals.wait:
                if self._clock() + wait >= end:
                    return Became(self._not_proved(), UNKNOWN)
                await self._rest(wait, end)
            answer = await self._try(first, end)
            if answer is _Answer.RIGHT and first.state == IN_FORCE:
                return Became(None, IN_FORCE)
            if answer is _Answer.RIGHT and was_right:
                kept = "the BMC has the old password still"
                return Became(f"{kept}: {story}" if story else kept, KEPT)
            was_right = answer is _Answer.RIGHT
            if answer is _Answer.WRONG:
                wrong.add(first.state)
                if len(wrong) == 2 and self._is_settling:
                    why = f"the BMC took neither the new nor the old password: {self._said}"
                    remedy = "if it has another one, give it with: podium node set"
                    return Became(f"{why}; both are kept; {remedy}", UNKNOWN)
                first, second = second, first
            elif answer is not _Answer.NOT_TRIED:
                if self._clock() >= end:
                    return Became(self._not_proved(), UNKNOWN)
                await self._rest(_AGAIN if was_right else next(gaps), end)

    @property
    def _is_settling(self) -> bool:
        """Whether this request settles a change and sent nothing: users may know a third password."""
        return self._change.state == SENT and not self._wanted.tried

    def _not_proved(self) -> str:
        why = f"neither the new nor the old password was proved: {self._said or 'no login was tried'}"
        if wait := self._refusals.wait:
            why = f"{why}; no login for another {math.ceil(wait)} s, because one more could lock the account"
        return f"{why}; both are kept, see: podium credential settle"

    async def _try(self, side: _Side, end: float) -> _Answer:
        return await self._answer(self._call(end, side.node, self._driver.check_login), end)

    async def _answer(self, login: Awaitable[None], end: float) -> _Answer:
        answer = await self._ask(login)
        if answer is _Answer.WRONG:
            await self._refusals.add(end)
        elif answer is _Answer.RIGHT:
            await self._refusals.clear()
        return answer

    async def _ask(self, login: Awaitable[None]) -> _Answer:
        try:
            await login
        except _Failed:
            raise
        except errors.AuthenticationRefused as refusal:
            self._said = self._words(refusal)
            if refusal.wait:
                self._refusals.leave_alone(refusal.wait)
                self._said += f"; that is over in {math.ceil(refusal.wait)} s"
                return _Answer.NOT_TRIED
            return _Answer.WRONG
        except (errors.BMCUnreachable, errors.InvalidDriverInfo, TimeoutError) as silence:
            self._said = self._words(silence)
            return _Answer.SILENCE
        except errors.DriverError:
            return _Answer.RIGHT  # the failure came after the login
        except Exception as fault:
            self._said = self._words(fault)
            return _Answer.SILENCE
        return _Answer.RIGHT

    async def _call(
        self,
        end: float,
        node: Node,
        method: Callable[..., Any],
        *args: Any,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        seconds = min(max(end - self._clock(), 1.0), LONGEST_CALL)
        await self._room.command(seconds, node, method, *args, urgent=True, first=first, hold=self._hold)

    async def _rest(self, seconds: float, end: float) -> None:
        await self._pause(min(seconds, max(end - self._clock(), 0.001)))

    def _words_of_it(self, error: Exception) -> str:
        """The hardware's answer to the new password, with every form of the password hidden."""
        login, text = self._driver.login, self._words(error)
        new = self._new.node.driver_info.get(login.password) if login is not None else None
        return echoes.hidden(text, new, masking.MASK) if isinstance(new, str) else text

    def _words(self, error: Exception) -> str:
        text = errors.one_line(error)
        if not isinstance(error, _PLAIN):
            text = f"fault of the driver {self._driver.name}: {text}"
        for side in self._sides:
            text = masking.scrub(text, side.node.driver_info, self._room.secret)
        return text


def _with(node: Node, entries: Mapping[str, Any]) -> Node:
    return replace(node, driver_info=with_entries(node.driver_info, entries))
