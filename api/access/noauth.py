"""``auth_strategy = noauth``: nobody is asked who it is."""

from typing import Final

from starlette.requests import Request

from podium.api.callers import Caller, Role

_NAME: Final = "anonymous"


class NoAuth:
    """Lets everybody do everything."""

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return who has sent a request, as far as its address says."""
        return Caller(_NAME, request.client.host if request.client else "localhost", Role.ADMIN)

    def reload(self) -> None:
        """Read users and roles again, of which there are none."""
