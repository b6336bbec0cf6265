"""Makes sure that an address still leads to the fleet that was asked there before.

Each request names the fleet that it is for, and a server of another one refuses it before it does anything;
each answer names the server's.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx

from podium import errors
from podium.client.calls import wire


class Fleets(Protocol):
    """Remembers which fleet is where."""

    def known(self, where: str) -> str | None:
        """Return the fleet that was asked at an address; None if none was."""

    def saw(self, where: str, fleet: str) -> None:
        """Remember the fleet of an address."""


class Guard:
    """Looks at the requests to an address and their answers.

    :param fleets: None to remember the fleet as long as this lives
    """

    def __init__(self, where: str, fleets: Fleets | None) -> None:
        self._where = where
        self._fleets = fleets
        self._known = None if fleets is None else fleets.known(where)

    def mark(self, request: httpx.Request) -> None:
        """Name the fleet that a request is for."""
        if self._known is not None:
            request.headers[wire.FLEET] = self._known

    def look(self, response: httpx.Response) -> None:
        """Look at the head of an answer.

        :raises podium.errors.OtherFleet: it is of another fleet than those before
        """
        fleet = response.headers.get(wire.FLEET)
        if fleet is None or fleet == self._known:
            return
        if self._known is not None:
            raise errors.OtherFleet(f"{self._where}: {wire.other_fleet(fleet, self._known)}")
        self._known = fleet
        if self._fleets is not None:
            self._fleets.saw(self._where, fleet)

    def hooks(self) -> dict[str, list[Callable[..., Any]]]:
        """Return the hooks of an httpx client."""
        return {"request": [self.mark], "response": [self.look]}

    def async_hooks(self) -> dict[str, list[Callable[..., Awaitable[None]]]]:
        """Return the hooks of an httpx client for an event loop."""

        async def mark(request: httpx.Request) -> None:
            self.mark(request)

        async def look(response: httpx.Response) -> None:
            self.look(response)

        return {"request": [mark], "response": [look]}
