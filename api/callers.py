"""Callers and their roles."""

import enum
from dataclasses import dataclass

from starlette.requests import Request

#: The key of a request's scope for its caller.
SCOPE_KEY = "podium.caller"
#: The key of the scope, for requests with a login, of the function that checks whether the login still holds.
LASTS_KEY = "podium.lasts"


class Role(enum.IntEnum):
    """A role; each includes the ones before it."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The name of the role in options and answers."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request.

    :param name: of the user or, as ``token:NAME``, of the token
    :param address: the sender's address, or this host's name for the Unix socket
    :param role: None if the caller may do nothing
    """

    name: str
    address: str
    role: Role | None

    @property
    def who(self) -> str:
        """The caller's name in the ledger of power events, as ``user@host``."""
        return f"{self.name}@{self.address}"[:255]


def caller(request: Request) -> Caller:
    """Return the caller of a request."""
    found: Caller = request.scope[SCOPE_KEY]
    return found
