"""The machine behind a simulated Redfish BMC: its power, power changes, and the state that the BMC shows.

The terms are those of the schemas Resource (PowerState, ResetType) and ComputerSystem, DSP2046.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from podium.simulator.faults import HEALTHY, Faults
from podium.simulator.redfish.boot import Boot
from podium.simulator.redfish.log import Log

ON: Final = "On"
OFF: Final = "Off"
PAUSED: Final = "Paused"
POWERING_ON: Final = "PoweringOn"
POWERING_OFF: Final = "PoweringOff"

_LOG_SIZE: Final = 256

#: The effect of each ResetType on a machine that is on, and on one that is off: the states in order. A second
#: state follows after the power delay. Empty if nothing changes, None if the reset is refused.
_RESETS: Final[dict[str, tuple[tuple[str, ...] | None, tuple[str, ...] | None]]] = {
    "On": ((ON,), (POWERING_ON, ON)),
    "ForceOn": ((ON,), (POWERING_ON, ON)),
    "ForceOff": ((OFF,), ()),
    "GracefulShutdown": ((POWERING_OFF, OFF), ()),
    "ForceRestart": ((ON,), None),
    "GracefulRestart": ((POWERING_OFF, ON), None),
    "PowerCycle": ((OFF, ON), None),
    "PushPowerButton": ((POWERING_OFF, OFF), (POWERING_ON, ON)),
    "Nmi": ((), None),
    "Pause": ((PAUSED,), None),
    "Resume": ((ON,), None),
}
RESETS: Final = tuple(_RESETS)
#: The ResetTypes of a BMC with the fault odd-resets.
ODD_RESETS: Final = ("ForceOff", "On", "PushPowerButton", "PowerCycle")


class Machine:
    """One machine, initially off.

    :param delay: seconds that a power change takes, see :attr:`podium.simulator.redfish.bmc.Settings`
    :param clock: seconds, monotonic
    :param changed: called with its power after every change
    :param log_entries: the most entries that its log holds
    """

    __slots__ = (
        "_changed",
        "_clock",
        "_delay",
        "_log",
        "_next",
        "_power",
        "_refuses_until",
        "_shown",
        "_shown_until",
        "boot",
        "events",
        "faults",
        "lit",
    )

    def __init__(
        self,
        delay: float,
        clock: Callable[[], float],
        changed: "Callable[[Machine, str], None]",
        log_entries: int,
    ) -> None:
        self._delay = delay
        self._clock = clock
        self._changed = changed
        self._power = OFF
        self._next: tuple[float, str] | None = None  # when it changes by itself, and to which state
        self._shown = OFF
        self._shown_until: float | None = None
        self._refuses_until = 0.0
        self._log: deque[str] | None = None
        self.boot = Boot()
        self.events = Log(log_entries)
        self.lit = False  #: whether the locator LED is lit
        self.faults: Faults = HEALTHY

    @property
    def power(self) -> str:
        """The real power state now."""
        self.settle()
        return self._power

    @property
    def power_on(self) -> bool:
        """Whether the machine has power. An assignment switches it without a request."""
        return self.power != OFF

    @power_on.setter
    def power_on(self, on: bool) -> None:
        self._next = None
        self._switch(ON if on else OFF, self._clock())

    @property
    def shown(self) -> str:
        """The PowerState that the BMC shows."""
        self.settle()
        return self._power if self._shown_until is None else self._shown

    @property
    def due(self) -> float | None:
        """When the next spontaneous change is due, on the clock."""
        times = [at for at in (self._next and self._next[0], self._shown_until) if at is not None]
        return min(times, default=None)

    @property
    def log(self) -> tuple[str, ...]:
        """The last resets carried out, oldest first, as ResetTypes."""
        return tuple(self._log or ())

    def settle(self) -> None:
        """Make the changes that are due."""
        if self._next is None and self._shown_until is None:
            return
        now = self._clock()
        if self._next is not None and now >= self._next[0]:
            at, power = self._next
            self._next = None
            self._switch(power, at)
        if self._shown_until is not None and now >= self._shown_until:
            self._shown_until = None
            self._changed(self, self._power)

    def refuses(self, reset: str) -> bool:
        """Return whether a reset is impossible now, because of a recent reset or the power state."""
        if self._clock() < self._refuses_until:
            return True
        return _RESETS[reset][0 if self.power_on else 1] is None

    def reset(self, reset: str) -> None:
        """Carry out a reset that is not refused."""
        if self.faults.lies:
            return
        now = self._clock()
        if self.faults.refuses:
            self._refuses_until = now + self.faults.refuses
        states = _RESETS[reset][0 if self.power_on else 1] or ()
        if self._power == POWERING_ON and states == (ON,):
            states = ()  # already powering on
        if self._log is None:
            self._log = deque(maxlen=_LOG_SIZE)
        self._log.append(reset)
        if len(states) == 2:
            self._next = now + self._delay, states[1]
            if self._delay or states[0] == OFF:
                self._switch(states[0], now)
            elif reset == "GracefulRestart":  # without a delay there is no state in between
                self.boot.use()
            self.settle()  # without a delay the change is due now
        elif states:
            self._next = None
            if reset == "ForceRestart" and self._power in (ON, PAUSED):
                self.boot.use()
            self._switch(states[0], now)

    def _switch(self, power: str, at: float) -> None:
        if self.faults.stale and power != self._power:
            if self._shown_until is None:
                self._shown = self._power
            self._shown_until = at + self.faults.stale
        if power == ON and self._power not in (ON, PAUSED):
            self.boot.use()
        self._power = power
        self._changed(self, power)
