"""Carries out requests to a node's hardware other than power changes, inside the driver's room.

Setting the boot device, the LED or the clock twice does no harm. The command is repeated while the hardware
refuses or does not answer, and the result is read afterwards, except for the LED, which cannot be read. A log
is cleared once, and a driver's own action is called once. If the outcome is unknown, the log is read; for an
action, the request fails and reports that.

None of these requests reads or changes the power.
"""

import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from podium import errors, masking, states
from podium.conductor.power.booting import Booting, boot_of
from podium.conductor.power.insisting import insist, make_so
from podium.conductor.power.sending import PAUSES, Failed, Fault, NotSent, Refused, Sender, Unheard
from podium.conductor.rooms import hiding
from podium.db.outcomes import SetClock
from podium.drivers import actions, base
from podium.wording import clock_off, line, printable, safe_repr, safe_str

#: Seconds by which a clock may be off right after it was set, plus half of the time that the answer took.
_EXACT: Final = 5.0
#: Longest text of the result of a driver's own action, of a log entry in an error, and of a log entry's
#: message as users have seen it, in characters.
_LONGEST: Final = 2000
_LONGEST_SHOWN: Final = 64
_LONGEST_MESSAGE: Final = 1000
#: Seconds within which hardware empties its log.
_CLEARING: Final = 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested operation.

    :param action: one of podium.states.BESIDE_POWER
    :param arguments: its arguments, see podium.client.calls.operations
    :param timeout: seconds within which it must succeed
    :param sent: whether a conductor that has ended had already sent the command
    """

    action: str
    arguments: Mapping[str, Any]
    timeout: float
    sent: bool = False


class Done(NamedTuple):
    """The outcome of a request.

    :param error: the reason of a failure
    :param result: the result, as text
    :param clock: how the clock was corrected, if the request was to set it
    """

    error: str | None
    result: str | None = None
    clock: SetClock | None = None


class HardwareChange:
    """One request under way. Only the loop of its room may use it.

    :param wall_clock: seconds, as time.time
    """

    def __init__(
        self, sender: Sender, wanted: Wanted, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._sender = sender
        self._driver = sender.room.driver
        self._wanted = wanted
        self._wall_clock = wall_clock
        self._end = 0.0

    async def carry_out(self) -> Done:
        """Carry out the request, and verify the outcome where it can be read."""
        wanted, sender = self._wanted, self._sender
        try:
            hiding.note_call(sender.room.secrets, sender.node)  # validate is called here, not in a visit
            self._driver.validate(sender.node)
            self._check_support()
            self._end = sender.now() + wanted.timeout
            match wanted.action:
                case states.SET_BOOT_DEVICE:
                    booting = Booting(sender, boot_of(wanted.arguments), wanted.timeout)
                    return Done(None, await booting.choose())
                case states.IDENTIFY:
                    return Done(None, await self._identify(wanted.arguments["identification"]["seconds"]))
                case states.SET_CLOCK:
                    return await self._set_clock()
                case states.CLEAR_LOG:
                    return Done(None, await self._clear_log(wanted.arguments["log"]))
                case _:
                    return Done(None, await self._act(**wanted.arguments["own"]))
        except (Failed, Refused, Unheard) as failure:
            return Done(str(failure))
        except Exception as error:
            return Done(sender.words(error))

    def _check_support(self) -> None:
        able = {*base.actions(self._driver), states.DRIVER_ACTION}  # which has its own error message
        if self._wanted.action not in able:
            raise errors.Unsupported(f"the driver {self._driver.name} cannot {self._wanted.action}")

    async def _identify(self, seconds: float | None) -> str:
        await insist(self._sender, states.IDENTIFY, self._end, self._driver.identify, seconds)
        if seconds is None:
            return "on until it is ended"
        return f"on for {seconds:g} s" if seconds else "off"

    async def _set_clock(self) -> Done:
        before = offset = None
        with contextlib.suppress(Exception):  # setting the clock may still work
            if not self._wanted.sent:  # otherwise the clock may already be correct
                before = await self._offset()

        async def look() -> str | None:
            nonlocal offset
            offset = await self._offset()
            return None if abs(offset) <= self._exact else f"it is {clock_off(offset, self._wall_clock())}"

        what, set_clock = states.SET_CLOCK, self._driver.set_clock
        error = None
        try:
            await make_so(self._sender, what, self._wanted.timeout, set_clock, look=look)
        except Failed as failure:
            error = str(failure)
        clock = None if offset is None else SetClock(offset, before)
        if error is not None:
            return Done(error, clock=clock if clock and before is not None and clock.is_other else None)
        if before is None or clock is None:
            return Done(None, "set; how far it was off is not known", clock)
        corrected = "; what its log has of before is corrected by that" if clock.is_other else ""
        return Done(None, f"it was {clock_off(before, self._wall_clock())}{corrected}", clock)

    async def _offset(self) -> float:
        """Return how many seconds the clock is ahead of the middle of the call."""
        asked = self._wall_clock()

        async def begin() -> None:
            nonlocal asked
            asked = self._wall_clock()

        answer = await self._sender.read(self._end, self._driver.get_clock, first=begin)
        answered = self._wall_clock()
        if not isinstance(answer, datetime) or answer.utcoffset() is None:
            raise errors.DriverError(f"{safe_repr(answer, self._sender.scrubbed)} is no time with an offset")
        self._exact = _EXACT + abs(answered - asked) / 2
        return answer.timestamp() - (asked + answered) / 2

    async def _clear_log(self, seen: Mapping[str, Any]) -> str:
        """Clear the log once, if it still ends with the entry that the user has seen."""
        sender, end = self._sender, self._end
        if self._wanted.sent:
            return await self._find_out(seen, f"{states.CLEAR_LOG} was sent when the conductor ended")

        async def look() -> None:
            newest = self._newest(await sender.room.look(self._driver.get_log, sender.node, None, None, 1))
            if newest is None or not _is_seen(newest, seen):
                shown = "it has none" if newest is None else f"that is {_shown(newest, sender.scrubbed)}"
                raise errors.LogChanged(
                    f"the log does not end with the entry {seen['last']} that was seen: {shown}; it was left"
                    " alone, read it again"
                )

        def clear() -> Awaitable[Any]:
            return sender.send(states.CLEAR_LOG, end, self._driver.clear_log, seen["last"], look=look)

        try:
            await sender.patiently(end, clear, on=NotSent)
        except NotSent:
            raise
        except (Refused, Unheard, Fault) as failure:
            return await self._find_out(seen, str(failure))
        return "cleared"

    async def _find_out(self, seen: Mapping[str, Any], story: str) -> str:
        """Read the log to find out whether it was cleared. Some hardware is slow to empty it."""
        pauses, soon = iter(PAUSES), min(self._sender.now() + _CLEARING, self._end)
        while True:
            try:
                found = await self._sender.read(self._end, self._driver.get_log, None, None, 1)
                newest = self._newest(found)
            except Exception as error:
                if self._sender.now() >= self._end:
                    why = self._sender.words(error)
                    raise Failed(f"it may have been cleared: {story}; it cannot be read: {why}") from None
            else:
                if newest is None:
                    return "cleared"
                if not _is_seen(newest, seen):
                    raise Failed(f"it may have been cleared: {story}; read it again")
                if self._sender.now() >= soon:
                    raise Failed(f"it was not cleared: {story}")
            await self._sender.rest(next(pauses), self._end)

    def _newest(self, found: Any) -> base.LogEntry | None:
        """Return the newest entry of a log, or None if the log is empty."""
        if not isinstance(found, base.Log) or not all(
            isinstance(one, base.LogEntry) for one in found.entries
        ):
            raise errors.DriverError(f"get_log returned {safe_repr(found, self._sender.scrubbed)}")
        return found.entries[-1] if found.entries else None

    async def _act(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        """Call one of the driver's own actions, once."""
        if self._wanted.sent:
            raise Failed(f"{name} was sent when the conductor ended; whether it happened is not known")
        known = base.driver_actions(self._driver)
        action = known.get(name.partition(".")[2])
        if action is None:
            there = f", only {', '.join(sorted(known))}" if known else ""
            raise Failed(f"the driver {self._driver.name} has no action {name} here{there}")
        try:
            given = actions.given(action, arguments)
        except ValueError as wrong:
            raise Failed(str(wrong)) from None
        own = getattr(self._driver, action.method)
        method = functools.update_wrapper(functools.partial(own, **given), own)  # errors show its name
        try:
            # Not repeated after a refusal: the driver may have done part of the action.
            answer = await self._sender.patiently(
                self._end, lambda: self._sender.send(name, self._end, method), on=NotSent
            )
        except Unheard as silence:
            raise Failed(f"{silence}; {name} may have been carried out; ask again if need be") from None
        return self._said(answer)

    def _said(self, answer: Any) -> str | None:
        if answer is None:
            return None
        scrubbed = self._sender.scrubbed
        text = answer if isinstance(answer, str) else safe_repr(answer, scrubbed)
        return line(text, _LONGEST, scrubbed) or None


def _is_seen(entry: base.LogEntry, seen: Mapping[str, Any]) -> bool:
    """Whether an entry is the one that the user has seen, as far as that one is known."""
    clock_at, message = seen.get("clock_at"), seen.get("message")
    is_then = clock_at is None or entry.at == datetime.fromisoformat(clock_at)
    return (
        printable(safe_str(entry.id)) == seen["last"]
        and is_then
        and (message is None or _says(entry, message))
    )


def _says(entry: base.LogEntry, seen: str) -> bool:
    """Whether an entry has the message that the user saw, which is without secrets and may be cut off."""
    text, (known, hidden, _) = printable(safe_str(entry.message)), seen.partition(masking.MASK)
    return text.startswith(known) if hidden or len(seen) >= _LONGEST_MESSAGE else text == seen


def _shown(entry: base.LogEntry, scrubbed: Callable[[str], str]) -> str:
    at = "" if entry.at is None else f" of {entry.at:%Y-%m-%d %H:%M:%S}"
    return f"{line(entry.id, _LONGEST_SHOWN, scrubbed)}{at}, {line(entry.message, _LONGEST_SHOWN, scrubbed)}"
