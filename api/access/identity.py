"""Who has sent a request, and whether they may."""

from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from podium.api.callers import Caller, Role


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody has typed at the page: a name and a password, or a token."""

    name: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


class Access(Protocol):
    """Knows users and their roles."""

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return who has sent a request.

        :param role: the least that the caller must have
        :raises podium.api.faults.Fault: 401 if nobody knows who it is, 403 if they may not
        """
        ...

    def reload(self) -> None:
        """Read users and roles again; called in the event loop, after the options have changed."""
        ...


class Login(Access, Protocol):
    """Access with sessions: people log in at the page, and out."""

    #: Whether anybody has to log in.
    has_login: bool

    async def identify(self, request: Request) -> Caller:
        """Return who has sent a request, whatever they may.

        :raises podium.api.faults.Fault: 401 if nobody knows who it is
        """
        ...

    async def log_in(self, request: Request, given: Credentials) -> tuple[Caller, str]:
        """Begin a session; return whose it is, and its secret.

        :raises podium.api.faults.Fault: 401 if these are not right, 403 for a page of another origin
        """
        ...

    async def log_out(self, request: Request) -> Caller | None:
        """End the session of a request; return whose it was, None if it has none."""
        ...
