"""Who asks, and what each role may do."""

import enum
from dataclasses import dataclass

from starlette.requests import Request

#: Where the caller of a request is in its scope.
SCOPE_KEY = "podium.caller"
#: Where in the scope of a request with a login there is what says whether the caller still may look.
LASTS_KEY = "podium.lasts"


class Role(enum.IntEnum):
    """What somebody may do; each role may do all that the ones before it may."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role as options and answers name it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has sent a request.

    :param name: of the user or, as ``token:NAME``, of the token
    :param address: where the request comes from: an address, or this host's name for the Unix socket
    :param role: what the caller may do; None for nothing
    """

    name: str
    address: str
    role: Role | None

    @property
    def who(self) -> str:
        """The caller as the ledger of power events names it, as ``user@host``."""
        return f"{self.name}@{self.address}"[:255]


def caller(request: Request) -> Caller:
    """Return who has sent a request."""
    found: Caller = request.scope[SCOPE_KEY]
    return found
