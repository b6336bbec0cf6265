"""The interfaces of authentication and of roles."""

from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request

from podium.api.callers import Caller, Role


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials typed at the page: a name and a password, or a token."""

    name: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


class Access(Protocol):
    """Knows users and their roles."""

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return the caller of a request.

        :param role: the lowest role that the caller must have
        :raises podium.api.faults.Fault: 401 if the caller is unknown, 403 without the role
        """
        ...

    def reload(self) -> None:
        """Read users and roles again; called in the event loop, after the options have changed."""
        ...


class Login(Access, Protocol):
    """Access with sessions: people log in and out at the page."""

    #: Whether a login is required.
    has_login: bool

    async def identify(self, request: Request) -> Caller:
        """Return the caller of a request, without a check of the role.

        :raises podium.api.faults.Fault: 401 if the caller is unknown
        """
        ...

    async def log_in(self, request: Request, given: Credentials) -> tuple[Caller, str]:
        """Begin a session; return its caller and its secret.

        :raises podium.api.faults.Fault: 401 for wrong credentials, 403 for a page of another origin
        """
        ...

    async def log_out(self, request: Request) -> Caller | None:
        """End the session of a request; return its caller, or None without a session."""
        ...
