"""The accounts of one simulated BMC: their passwords, password changes, and counts of logins."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from podium.simulator.faults import Faults

#: User IDs of IPMI and account ids of Redfish. The first is the user without a name.
IDS: Final = range(1, 11)
OWN: Final = 2  #: the id of the account that a BMC has from the start
SHORT: Final = 16  # bytes of a password of IPMI 1.5


@dataclass(slots=True, repr=False)
class Account:
    """One user.

    :param is_long: whether its password was set in the 20-byte form (IPMI)
    :param refused: wrong passwords in a row
    :param locked_until: on the BMC's clock
    """

    name: bytes = b""
    password: bytes = b""
    enabled: bool = False
    is_long: bool = False
    refused: int = 0
    locked_until: float = 0.0


class Accounts:
    """All users of a BMC. They survive its restarts.

    :param clock: seconds, monotonic
    """

    __slots__ = (
        "_by_id",
        "_clock",
        "away_until",
        "changes",
        "logins",
        "refused_while_locked",
        "wrong_logins",
    )

    def __init__(self, user: str, password: bytes, clock: Callable[[], float]) -> None:
        own = Account(user.encode(), password, enabled=True, is_long=len(password) > SHORT)
        self._by_id = {OWN: own}
        self._clock = clock
        self.away_until = 0.0  #: when a restart ends, on the clock
        self.logins = 0  #: sessions that were opened
        self.wrong_logins = 0  #: logins with a wrong password, or by an unknown or disabled user
        self.refused_while_locked = 0  #: logins to a locked account
        self.changes = 0  #: passwords changed by a command or request

    @property
    def own(self) -> Account:
        """The account that the BMC has from the start. Its password may be assigned without a command."""
        return self._by_id[OWN]

    @property
    def is_away(self) -> bool:
        """Whether the BMC is restarting and does not answer."""
        return self._clock() < self.away_until

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._by_id.values()))

    def find(self, id: int) -> Account | None:
        """Return the account with an id, if there is or was one."""
        return self._by_id.get(id)

    def at(self, id: int) -> Account:
        """Return the account with an id. Creates a disabled account if there is none."""
        return self._by_id.setdefault(id, Account())

    def named(self, name: bytes) -> Account | None:
        """Return the account with which a user of this name logs in."""
        return next((one for one in self if one.name == name and one.enabled), None)

    def check(self, name: bytes, password: bytes, faults: Faults) -> bool:
        """Return whether user and password are right. Counts wrong logins."""
        account = self.named(name)
        if account is not None and self.is_locked(account):
            return False
        if account is None or faults.wrong_password or not hmac.compare_digest(password, account.password):
            self.failed(account, faults)
            return False
        account.refused = 0
        return True

    def is_locked(self, account: Account) -> bool:
        """Return whether an account is locked. Counts logins refused for this reason."""
        locked = self._clock() < account.locked_until
        self.refused_while_locked += locked
        return locked

    def failed(self, account: Account | None, faults: Faults) -> None:
        """Count a wrong login by a known or unknown user."""
        self.wrong_logins += 1
        if account is None or not faults.lockout:
            return
        account.refused += 1
        if account.refused >= faults.lockout:
            account.refused, account.locked_until = 0, self._clock() + faults.lockout_seconds

    def succeeded(self, account: Account | None) -> None:
        """Count a session that was opened."""
        self.logins += 1
        if account is not None:
            account.refused = 0

    def set_password(self, account: Account, password: bytes, faults: Faults) -> None:
        """Change a password, as far as the faults allow."""
        if faults.password_lost or faults.password_lies:
            return
        account.password = password[:SHORT] if faults.password_truncates else password
        self.changes += 1
        if faults.password_reboots:
            self.away_until = self._clock() + faults.password_reboots

    def report(self) -> dict[str, Any]:
        """Return the counts and the own account's state, for tests. Of the password, only the SHA-256."""
        return {
            "logins": self.logins,
            "wrong_logins": self.wrong_logins,
            "refused_while_locked": self.refused_while_locked,
            "password_changes": self.changes,
            "locked": self._clock() < self.own.locked_until,
            "password_sha256": hashlib.sha256(self.own.password).hexdigest(),
        }


def ends_sessions(faults: Faults) -> bool:
    """Return whether a change of the password ends the sessions of a BMC."""
    return faults.password_ends_sessions or bool(faults.password_reboots)


def is_silent(faults: Faults) -> bool:
    """Return whether a BMC leaves a change of the password unanswered."""
    return faults.password_silent or faults.password_lost
