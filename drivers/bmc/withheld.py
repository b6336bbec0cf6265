"""Passwords that are being replaced on the hardware: no login uses a password that may be wrong by now."""

from collections.abc import Hashable, Iterable
from typing import Final

from podium import errors

_MOST: Final = 10_000


class Withheld:
    """Accounts that are not used for logins; an account is a BMC with user and password.

    An account is withheld from right before its password is changed. It is free again when the hardware has
    refused the change, when a deliberate test login has worked, or when no node has the old password any
    more. Open sessions continue.
    """

    def __init__(self) -> None:
        self._accounts: dict[Hashable, None] = {}

    def hold(self, account: Hashable) -> None:
        """Prevent logins with an account from now on."""
        self._accounts.pop(account, None)
        self._accounts[account] = None
        if len(self._accounts) > _MOST:
            del self._accounts[next(iter(self._accounts))]

    def free(self, account: Hashable) -> None:
        """Allow logins with an account again."""
        self._accounts.pop(account, None)

    def leave(self, account: Hashable, others: Iterable[Hashable]) -> None:
        """Free an account with the last connection that has it: the password may be set again by hand.

        :param others: the accounts of all other connections
        """
        if account in self._accounts and account not in others:
            self.free(account)

    def check(self, account: Hashable, bmc: object) -> None:
        """Check that an account may be used for a login.

        :param bmc: its name, for the error
        :raises podium.errors.DriverError: it is withheld
        """
        if account in self._accounts:
            raise errors.DriverError(
                f"BMC {bmc} is given another password: no login with the old one, which may be wrong by now"
            )
