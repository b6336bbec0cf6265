"""Logins that a BMC refuses: after a few in a row no more are tried, because BMCs lock accounts."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

#: In a row and within minutes: the strictest BMCs lock accounts, or block an address, at the third.
_MOST: Final = 2
_KEPT: Final = 100_000  # accounts whose refused logins are remembered


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """The logins of a user that a BMC refused in a row, whatever the password; an immutable value.

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
        """Whether the last login was refused, and the next logins are closer together than the interval."""
        return 0 < self.count < _MOST

    def check(self, now: float, interval: float) -> None:
        """Check that a login may be tried.

        The error stays the same while the BMC is left alone, so that it is saved and logged once.

        :param interval: the same as for :meth:`one_more`
        :raises podium.errors.AuthenticationRefused: while the BMC is left alone
        """
        if self.is_left_alone(now):
            raise errors.AuthenticationRefused(
                f"{self.reason}; after {self.count} refused logins in a row, whatever the password, the BMC"
                f" is left alone for {interval:g} s, or until driver_info changes",
                self.left_alone_until - now,
            )

    def one_more(
        self, bmc: object, now: float, interval: float, refusal: errors.AuthenticationRefused
    ) -> "RefusedLogins":
        """Count another refused login.

        :param bmc: the BMC's name in the log
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

    def once_more(self) -> "RefusedLogins":
        """Return the state of a BMC that is left alone, once a person has corrected something."""
        return RefusedLogins(_MOST - 1, -math.inf, self.reason) if self.count >= _MOST else self


NONE_REFUSED: Final = RefusedLogins()


class Refusals:
    """The refused logins of all BMCs, by account: the BMC and the user.

    Logins for a session and logins that are only tried count together, because a BMC counts them together.

    :param clock: seconds
    :param interval: seconds for which a BMC is left alone if it has refused too many
    """

    def __init__(self, clock: Callable[[], float], interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._accounts: dict[Hashable, RefusedLogins] = {}

    def of(self, account: Hashable) -> RefusedLogins:
        """Return the last refused logins of an account."""
        return self._accounts.get(account, NONE_REFUSED)

    def is_left_alone(self, account: Hashable) -> bool:
        """Whether no login is tried for now."""
        return self.of(account).is_left_alone(self._clock())

    def check(self, account: Hashable) -> None:
        """Check that a login may be tried.

        :raises podium.errors.AuthenticationRefused: while the BMC is left alone
        """
        self.of(account).check(self._clock(), self._interval)

    def count(self, account: Hashable, bmc: object, refusal: errors.AuthenticationRefused) -> None:
        """Count a login that was refused.

        :param bmc: as for :meth:`RefusedLogins.one_more`
        """
        before = self._accounts.pop(account, NONE_REFUSED)
        self._accounts[account] = before.one_more(bmc, self._clock(), self._interval, refusal)
        if len(self._accounts) > _KEPT:
            del self._accounts[next(iter(self._accounts))]

    def clear(self, account: Hashable) -> None:
        """Record that a login was accepted."""
        self._accounts.pop(account, None)

    def once_more(self, account: Hashable) -> None:
        """Allow one login although the BMC is left alone: a person has corrected ``driver_info``."""
        if account in self._accounts:
            self._accounts[account] = self._accounts[account].once_more()
