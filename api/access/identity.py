"""Who has sent a request, and whether they may."""

from typing import Protocol

from starlette.requests import Request

from podium.api.callers import Caller, Role


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
