"""Carries out what people ask of a node's hardware beside its power, inside of the driver's room.

What a machine boots from, its LED and its clock can be set twice without harm: the command is repeated when
the hardware refuses for a while or is silent, and what it came to is read afterwards, but for the LED, which
cannot be read. A log is cleared once, and an action of a driver's own is called once: if it is unknown
whether the hardware heard it, that is the result.

None of it reads or changes the power.
"""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from podium import errors, states
from podium.conductor.power.booting import Booting, boot_of
from podium.conductor.power.insisting import insist, make_so
from podium.conductor.power.sending import PAUSES, Failed, NotSent, Refused, Sender, Unheard
from podium.conductor.rooms import hiding
from podium.drivers import actions, base
from podium.wording import clock_off, safe_repr

#: Seconds by which a clock that was just set may be off, beside half of the time that the answer took.
_EXACT: Final = 5.0
#: Characters of what an action of a driver's own returned.
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the hardware.

    :param action: one of podium.states.BESIDE_POWER
    :param arguments: what it is given, see podium.client.calls.operations
    :param timeout: seconds until it must be so
    :param sent: whether a conductor that has ended had sent the command
    """

    action: str
    arguments: Mapping[str, Any]
    timeout: float
    sent: bool = False


class Done(NamedTuple):
    """How it ended.

    :param error: why it failed, if it did
    :param result: what the hardware said, in words
    :param clock_offset: seconds that the clock is ahead, if it was set
    """

    error: str | None
    result: str | None = None
    clock_offset: float | None = None


class HardwareChange:
    """One request under way. Used by the loop of its room alone.

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
                    return Done(None, await self._clear_log(wanted.arguments["log"]["last"]))
                case _:
                    return Done(None, await self._act(**wanted.arguments["own"]))
        except (Failed, Refused, Unheard) as failure:
            return Done(str(failure))
        except Exception as error:
            return Done(sender.words(error))

    def _check_support(self) -> None:
        able = {*base.actions(self._driver), states.DRIVER_ACTION}  # which has its own words
        if self._wanted.action not in able:
            raise errors.Unsupported(f"the driver {self._driver.name} cannot {self._wanted.action}")

    async def _identify(self, seconds: float | None) -> str:
        await insist(self._sender, states.IDENTIFY, self._end, self._driver.identify, seconds)
        if seconds is None:
            return "on until it is ended"
        return f"on for {seconds:g} s" if seconds else "off"

    async def _set_clock(self) -> Done:
        try:
            before: float | None = await self._offset()
        except Exception:
            before = None  # it may be set all the same
        offset = 0.0

        async def look() -> str | None:
            nonlocal offset
            offset = await self._offset()
            return None if abs(offset) <= self._exact else f"it is {clock_off(offset, self._wall_clock())}"

        what, set_clock = states.SET_CLOCK, self._driver.set_clock
        await make_so(self._sender, what, self._wanted.timeout, set_clock, look=look)
        return Done(
            None, "set" if before is None else f"it was {clock_off(before, self._wall_clock())}", offset
        )

    async def _offset(self) -> float:
        """Return how many seconds the clock is ahead, measured around the call."""
        asked = self._wall_clock()

        async def begin() -> None:
            nonlocal asked
            asked = self._wall_clock()

        answer = await self._sender.read(self._end, self._driver.get_clock, first=begin)
        answered = self._wall_clock()
        if not isinstance(answer, datetime) or answer.tzinfo is None:
            raise errors.DriverError(f"{safe_repr(answer, self._sender.scrubbed)} is no time with an offset")
        self._exact = _EXACT + abs(answered - asked) / 2
        return answer.timestamp() - (asked + answered) / 2

    async def _clear_log(self, last: str) -> str:
        if self._wanted.sent:
            return await self._find_out(f"{states.CLEAR_LOG} was sent when the conductor ended")
        try:
            clear, sender = self._driver.clear_log, self._sender
            await sender.patiently(self._end, lambda: sender.send(states.CLEAR_LOG, self._end, clear, last))
        except Unheard as silence:
            return await self._find_out(f"{silence}; {states.CLEAR_LOG} may have been carried out")
        return "cleared"

    async def _find_out(self, story: str) -> str:
        """Read whether a log is empty that may have been cleared."""
        pauses = iter(PAUSES)
        while True:
            try:
                found = await self._sender.read(self._end, self._driver.get_log, None, None, 1)
            except Exception as error:
                if self._sender.now() >= self._end:
                    raise Failed(f"{story}; {self._sender.words(error)}") from None
            else:
                if isinstance(found, base.Log) and not found.entries:
                    return "cleared"
                raise Failed(f"{story}; the log has entries: read it, and ask again if need be")
            await self._sender.rest(next(pauses), self._end)

    async def _act(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        """Call an action of the driver's own, once."""
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
        method = functools.partial(getattr(self._driver, action.method), **given)
        try:
            # A refusal is this driver's last word: it may have done half of it.
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
        text = scrubbed(answer[: 2 * _LONGEST]) if isinstance(answer, str) else safe_repr(answer, scrubbed)
        words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return words[:_LONGEST] or None
