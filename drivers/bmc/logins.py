"""Logins that a BMC refuses: after a few in a row it is left alone, because BMCs lock accounts."""

import math
from dataclasses import dataclass
from typing import Final

from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

_MOST: Final = 3


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
