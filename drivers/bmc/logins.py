"""Logins that a BMC refuses: after a few in a row it is left alone, because BMCs lock accounts."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

_MOST: Final = 3
_KEPT: Final = 1000  # targets without a connection that are remembered for the logins that they refused


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """The logins that one BMC refused in a row; a value, which nearly all BMCs share as :data:`NONE_REFUSED`.

    Times are in seconds of one clock.
    """

    count: int = 0
    left_alone_until: float = -math.inf
    reason: str = ""  #: why the last one was refused

    def is_left_alone(self, now: float) -> bool:
        """Whether no login should be tried for now."""
        return now < self.left_alone_until

    @property
    def in_quick_succession(self) -> bool:
        """Whether the last login was refused, and the next ones are not yet as far apart as the interval."""
        return 0 < self.count < _MOST

    def check(self, now: float, interval: float) -> None:
        """Make sure that a login may be tried.

        The error is the same for as long as the BMC is left alone, so that it is saved and logged once.

        :param interval: as it was given to :meth:`one_more`
        :raises podium.errors.AuthenticationRefused: while the BMC is left alone
        """
        if self.is_left_alone(now):
            raise errors.AuthenticationRefused(
                f"{self.reason}; after {self.count} refused logins in a row the BMC is left alone for"
                f" {interval:g} s, or until driver_info changes"
            )

    def one_more(
        self, bmc: object, now: float, interval: float, refusal: errors.AuthenticationRefused
    ) -> "RefusedLogins":
        """Count another refused login.

        :param bmc: stands in the log as the BMC's name
        :param interval: seconds for which the BMC is left alone if it has refused too many
        """
        count, reason = self.count + 1, errors.one_line(refusal)
        if count < _MOST:
            return RefusedLogins(count, self.left_alone_until, reason)
        LOG.warning(
            "BMC %s refused %d logins in a row: left alone for %g s, because BMCs lock accounts",
            bmc,
            count,
            interval,
        )
        return RefusedLogins(count, now + interval, reason)


NONE_REFUSED: Final = RefusedLogins()

_Target = TypeVar("_Target", bound=Hashable)


class Guarded(Protocol):
    """A connection that counts the logins that its target refused."""

    refused: RefusedLogins


class Checks(Generic[_Target]):
    """Logins that are tried beside the connections that are held.

    A target is a BMC with user and password. For one that has a connection the connection counts; for
    others, such as a password that is only tried, they are counted here until a connection is made.

    :param held: the connection to a target, if there is one
    :param interval: seconds for which a BMC is left alone if it has refused too many
    """

    def __init__(
        self, held: Callable[[_Target], Guarded | None], clock: Callable[[], float], interval: float
    ) -> None:
        self._held = held
        self._clock = clock
        self._interval = interval
        self._others: dict[_Target, RefusedLogins] = {}

    def of(self, target: _Target) -> RefusedLogins:
        """How the last logins with a target went."""
        held = self._held(target)
        return self._others.get(target, NONE_REFUSED) if held is None else held.refused

    def allow(self, target: _Target) -> None:
        """Make sure that a login may be tried.

        :raises podium.errors.AuthenticationRefused: while the BMC is left alone
        """
        self.of(target).check(self._clock(), self._interval)

    def count(self, target: _Target, refusal: errors.AuthenticationRefused) -> None:
        """Count a login that was refused."""
        self._note(target, self.of(target).one_more(target, self._clock(), self._interval, refusal))

    def clear(self, target: _Target) -> None:
        """Note that a login was accepted."""
        self._note(target, NONE_REFUSED)

    def take(self, target: _Target) -> RefusedLogins:
        """What the connection that is made for a target goes on with."""
        return self._others.pop(target, NONE_REFUSED)

    def _note(self, target: _Target, refused: RefusedLogins) -> None:
        self._others.pop(target, None)
        held = self._held(target)
        if held is not None:
            held.refused = refused
        elif refused is not NONE_REFUSED:
            self._others[target] = refused
            if len(self._others) > _KEPT:
                del self._others[next(iter(self._others))]
