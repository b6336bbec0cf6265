"""Carries out one power change inside the driver's room, and finds out whether it happened.

Switching on or off twice does no harm. So the state is read, the command is sent, and the state is read
again; the command is repeated if the hardware refuses for a while, does not answer, or forgets it. All other
commands (reboots, soft changes, NMIs) are sent once. If it is unknown whether the hardware received such a
command, the state is read and the command is never repeated.

Before each command the database confirms that the request still belongs to this conductor, and records that a
command was sent. From then on nobody can cancel the request, and another conductor that takes it over reads
the state first.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from podium import errors, states
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.barrier import Barrier
from podium.conductor.power.booting import Booting
from podium.conductor.power.sending import (
    GAPS,
    PAUSES,
    PERMANENT,
    SILENCE,
    Confirm,
    Failed,
    Fault,
    Refused,
    Sender,
    Unheard,
)
from podium.conductor.rooms import hiding
from podium.conductor.rooms.room import DriverRoom
from podium.db.power import STAYS_ON, TAKES_POWER
from podium.drivers.base import Node, actions
from podium.wording import safe_repr

#: The least time to get a feed on again, and to watch a feed that may still go off, in seconds.
_ON_AT_LEAST, _WATCH_AT_LEAST = 600.0, 30.0
_REPEATABLE: Final = frozenset({states.POWER_ON, states.POWER_OFF})


class Ended(NamedTuple):
    """How a change ended: the last state read (None if that failed), and why the change failed, if it did."""

    state: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """The requested change; times in seconds.

    :param action: one of podium.states.ACTIONS
    :param timeout: within which the hardware must show its new state, for each half of a power cycle
    :param soft_timeout: within which the operating system must have shut down
    :param then_off: whether the machine is switched off if the operating system has not shut down by then
    :param sent: whether a conductor that has ended had already sent the command
    :param stays_on: whether the machine must never be switched off
    """

    action: str
    timeout: float
    soft_timeout: float
    then_off: bool = False
    sent: bool = False
    stays_on: bool = False


class PowerChange:
    """One requested change under way. Only the loop of its room may use it.

    :param confirm: has the database confirm that the request is under way here, and record that it was sent
    :param note_read: called with the answer or the error of each read, so that failed reads show at once
        rather than when the change has failed
    :param booting: the requested boot device; set before the first command, unless a command was already sent
    :param barrier: where a feed waits for the feeds that are switched together with it
    :param lease: this conductor's lease; without it nothing is sent
    :param clock: seconds, monotonic
    :param pause: waits for the given number of seconds
    """

    def __init__(
        self,
        room: DriverRoom,
        node: Node,
        request: Request,
        confirm: Confirm,
        note_read: Callable[[Any, Exception | None], object],
        *,
        booting: Booting | None = None,
        barrier: Barrier | None = None,
        lease: Lease | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._room = room
        self._driver = room.driver
        self._node = node
        self._request = request
        self._booting = booting
        self._barrier = barrier
        self._note_read = note_read
        self._sender = Sender(room, node, confirm, lease=lease, clock=clock, pause=pause)
        self._clock = clock
        self._tried = request.sent  # whether the hardware may have received a command
        #: The state that the last command the hardware may have received leads to, sooner or later.
        self.late = states.REACHED.get(request.action) if request.sent else None
        #: The machine's boot device if one was requested, or how long a feed was off.
        self.result: str | None = None
        self._state: str | None = None
        self._problem: str | None = None  # of the last read
        self._silent = False

    async def carry_out(self) -> Ended:
        """Carry out the request, and verify the outcome."""
        try:
            hiding.note_call(self._room.secrets, self._node)  # validate is called here, not in a visit
            self._driver.validate(self._node)
            self._check_support()
            if self._booting is None:
                await self._go()
            else:
                await self._boot(self._booting)
        except (Failed, Refused) as failure:
            return Ended(self._state, str(failure))
        except Exception as error:
            return Ended(self._state, self._sender.words(error))
        return Ended(self._state, None)

    async def _boot(self, booting: Booting) -> None:
        """Set the boot device, and switch the machine; if that fails, report what is still set."""
        action, timeout = self._request.action, self._request.timeout
        self.result = f"boot device {booting}"
        if not self._request.sent:
            await self._until_answered(self._clock() + timeout)
            if action == self._state == states.POWER_ON:
                self.result = await _was_on(booting)
                return
        try:
            if not self._request.sent:
                self.result = f"boot device {await booting.choose()}"
            await self._go()
        except Exception as error:
            words = str(error) if isinstance(error, Failed | Refused) else self._sender.words(error)
            # A command that may have been received can still restart the machine, which should then boot from
            # the requested device.
            left = await (booting.left() if self._tried else booting.take_back())
            raise Failed("; ".join(filter(None, (words, left)))) from None
        if not self._tried:
            self.result = await _was_on(booting)  # by somebody else

    def _check_support(self) -> None:
        able = actions(self._driver)
        needed = {self._request.action, *([states.POWER_OFF] if self._request.then_off else ())}
        if not needed <= able:
            raise errors.UnsupportedPowerState(
                f"driver {self._driver.name} cannot do {', '.join(sorted(needed - able))}, "
                f"only {', '.join(sorted(able - states.BESIDE_POWER))}"
            )
        # A change that was already sent is completed even if the node is to stay on: the machine may be off.
        if self._request.stays_on and not self._request.sent and (needed & TAKES_POWER or self._by_halves):
            raise errors.UnsupportedPowerState(STAYS_ON)

    @property
    def _by_halves(self) -> bool:
        action = self._request.action
        return action == states.SOFT_REBOOTING and action not in self._driver.supported_power_states

    async def _go(self) -> None:
        action, timeout = self._request.action, self._request.timeout
        if self._barrier is not None:
            await self._at_feed(self._barrier)
        elif action in _REPEATABLE:
            await self._switch(action, timeout)
        elif action == states.SOFT_POWER_OFF:
            await self._soft_off()
        elif self._by_halves:
            await self._soft_off()
            await self._switch(states.POWER_ON, timeout)
        elif self._request.sent:
            await self._find_out(
                f"{action} was sent when the conductor ended; whether it happened is not known"
            )
        elif action == states.POWER_CYCLE:
            await self._switch(states.POWER_OFF, timeout)
            await self._switch(states.POWER_ON, timeout)
        else:
            await self._do_once(action)

    async def _switch(self, target: str, seconds: float) -> None:
        """Switch the machine on or off, with as many attempts as the time allows."""
        start = self._clock()
        end, send_at, accepted, failed = start + seconds, start, False, ""
        gaps, pauses = iter(GAPS), iter(PAUSES)
        while await self._read(end) != target:
            now = self._clock()
            if now >= end:
                raise Failed(
                    self._unmet(target, seconds) if accepted else failed or self._problem or self._seen()
                )
            if now >= send_at and not self._silent:
                try:
                    await self._send(end, self._driver.set_power_state, target)
                except (Refused, Unheard) as failure:
                    failed, send_at = str(failure), self._clock() + next(gaps)
                else:
                    # Once more later, in case the hardware acknowledged the command and forgot it.
                    send_at = float("inf") if accepted else self._clock() + seconds / 3
                    accepted, pauses = True, iter(PAUSES)
            await self._sender.rest(next(pauses), end)

    async def _at_feed(self, barrier: Barrier) -> None:
        """Switch a feed off and on, together with others. Once it may be off, it is always switched on."""
        if self._request.sent:
            problem = await barrier.were_off()
            if problem is not None:
                await barrier.note(states.POWER_ON)
            await self._on_again(watch=problem is not None)
            if problem is not None:
                raise Failed(f"{problem}; it is on again")
            self.result = "off, on again when its conductor had ended"
            return
        await barrier.until_begun()
        await self._until_answered(self._clock() + self._request.timeout)
        if self._state == states.POWER_OFF:
            self.result = "was off already; left alone"
            if await barrier.until_off() is None:
                await barrier.stay_off()
            return
        start, was_seen = self._clock(), False
        try:
            await self._switch(states.POWER_OFF, self._request.timeout)
            start, was_seen = self._clock(), True
            problem = await barrier.until_off()
        except Exception as error:
            if not self._tried:
                raise
            problem = str(error) if isinstance(error, Failed | Refused) else self._sender.words(error)
        if problem is None:
            await barrier.stay_off()
        else:
            await barrier.note(states.POWER_ON)
        await self._on_again(watch=not was_seen)
        if problem is not None:
            raise Failed(f"{problem}; it is on again")
        self.result = f"off {self._clock() - start:.0f} s, on again"

    async def _on_again(self, *, watch: bool) -> None:
        """Switch a feed on, whatever state it reports, and repeat that until it is on.

        :param watch: whether it may still go off, because it was sent the command and was not seen off
        """
        timeout, watched = self._request.timeout, 0.0
        if watch:
            watched = max(timeout, _WATCH_AT_LEAST)
        seconds = max(3 * timeout, _ON_AT_LEAST)
        start = send_at = self._clock()
        end, is_sent, failed, on_since = start + seconds, False, "", float("inf")
        gaps, pauses = iter(GAPS), iter(PAUSES)
        self._tried = True
        while True:
            is_on = await self._read(end) == states.POWER_ON and is_sent
            now = self._clock()
            on_since = min(on_since, now) if is_on else float("inf")
            if now - on_since >= watched:
                return
            if now >= end:
                raise Failed(f"it is not on again: {failed or self._unmet(states.POWER_ON, seconds)}")
            if now >= send_at and not is_on and not self._silent:
                try:
                    await self._send(end, self._driver.set_power_state, states.POWER_ON)
                except (Refused, Unheard, Fault) as failure:
                    failed, send_at = str(failure), self._clock() + next(gaps)
                    is_sent = is_sent or isinstance(failure, Unheard)
                except Failed as failure:
                    raise Failed(f"it is not on again: {failure}") from None
                else:
                    is_sent, failed, pauses = True, "", iter(PAUSES)
                    send_at = self._clock() + timeout / 3
            await self._sender.rest(next(pauses), end)

    async def _soft_off(self) -> None:
        """Have the operating system shut down; afterwards switch the machine off, if requested."""
        request = self._request
        # An interrupted reboot may be over already: wait only for a shutdown that is under way.
        over = request.sent and request.action == states.SOFT_REBOOTING
        seconds = min(request.timeout, request.soft_timeout) if over else request.soft_timeout
        end = self._clock() + seconds
        self.late = states.POWER_OFF if request.sent else None
        said = f"{states.SOFT_POWER_OFF} was {'sent' if request.sent else 'accepted'}"
        if not request.sent:
            await self._until_answered(end)
            if self._state == states.POWER_OFF:
                return
            try:
                unheard = await self._once(end, self._driver.set_power_state, states.SOFT_POWER_OFF)
            except Refused:
                if not request.then_off:
                    raise
            else:
                said = f"{unheard}; {states.SOFT_POWER_OFF} may have been carried out" if unheard else said
        if await self._shows(states.POWER_OFF, end):
            return
        if not request.then_off or over:
            raise Failed(f"{said}, but {seconds:g} s later {self._seen()}")
        await self._switch(states.POWER_OFF, request.timeout)

    async def _do_once(self, action: str) -> None:
        """Send a command that the driver carries out as a whole and that must not be repeated."""
        seconds = self._request.soft_timeout if action == states.SOFT_REBOOTING else self._request.timeout
        end = self._clock() + seconds
        await self._until_answered(end)
        if action == states.INJECT_NMI:
            unheard = await self._once(end, self._driver.inject_nmi)
        else:
            unheard = await self._once(end, self._driver.set_power_state, action)
        if unheard:
            await self._find_out(f"{unheard}; {action} may have been carried out")
        elif action in states.REACHED and not await self._shows(states.REACHED[action], end):
            raise Failed(self._unmet(action, seconds))

    async def _find_out(self, story: str) -> None:
        """Find out whether a command took effect that may have been received; complete a half-done reboot."""
        timeout = self._request.timeout
        try:
            await self._until_answered(self._clock() + timeout)
        except Failed as failure:
            raise Failed(f"{story}; {failure}") from None
        if self._state == states.POWER_OFF and self._request.action in states.REACHED:
            await self._switch(states.POWER_ON, timeout)
        else:
            raise Failed(f"{story}; it is {self._state}; ask again if need be")

    async def _once(self, end: float, method: Callable[..., Any], *args: Any) -> str | None:
        """Send a command until it is not refused; return None if it was accepted, or the error if silent."""
        try:
            await self._sender.patiently(end, lambda: self._send(end, method, *args))
        except Unheard as unheard:
            return str(unheard)
        return None

    async def _send(self, end: float, method: Callable[..., Any], *args: Any) -> None:
        try:
            await self._sender.send(self._request.action, end, method, *args)
        except (Unheard, Fault):
            self._note_heard(*args)
            raise
        self._note_heard(*args)

    def _note_heard(self, action: str = states.INJECT_NMI) -> None:
        self._tried, self.late = True, states.REACHED.get(action)

    async def _shows(self, state: str, end: float) -> bool:
        """Read until the machine is in a state; return False if the time is over before that."""
        pauses = iter(PAUSES)
        while await self._read(end) != state:
            if self._clock() >= end:
                return False
            await self._sender.rest(next(pauses), end)
        return True

    async def _until_answered(self, end: float) -> None:
        pauses = iter(PAUSES)
        while await self._read(end) is None:
            if self._clock() >= end:
                raise Failed(self._problem)
            await self._sender.rest(next(pauses), end)

    async def _read(self, end: float) -> str | None:
        self._state, self._silent = None, False
        try:
            answer = await self._sender.read(end, self._driver.get_power_state)
        except Exception as error:
            self._note_read(None, error)
            self._silent = isinstance(error, SILENCE)
            if not (self._problem and isinstance(error, TimeoutError)):
                self._problem = self._sender.words(error)  # a timeout says less than the driver's own error
            if isinstance(error, PERMANENT) and not self._tried:
                raise Failed(self._problem) from None
            return None
        self._note_read(answer, None)
        known = isinstance(answer, str) and answer in states.READINGS
        self._state = answer if known else None
        self._problem = None if known else f"{safe_repr(answer, self._sender.scrubbed)} is no power state"
        return self._state

    def _unmet(self, what: str, seconds: float) -> str:
        return f"{what} was accepted, but {seconds:g} s later {self._seen()}"

    def _seen(self) -> str:
        return f"the last read failed: {self._problem}" if self._problem else f"it is {self._state}"


async def _was_on(booting: Booting) -> str:
    return f"was on already; {await booting.left() or 'its boot device was left alone'}"
