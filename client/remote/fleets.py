"""Checks that an address still leads to the same fleet as before.

Each request names the fleet that it is for, and a server of another fleet refuses it before it does anything;
each answer names the server's fleet.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx

from podium import errors
from podium.client.calls import wire


class Fleets(Protocol):
    """Remembers the fleet at each address."""

    def known(self, where: str) -> str | None:
        """Return the fleet that was last seen at an address; None if there is none."""

    def saw(self, where: str, fleet: str) -> None:
        """Remember the fleet of an address."""


class Guard:
    """Checks the requests to an address and their answers.

    :param fleets: None to remember the fleet only as long as this object
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
        """Check the head of an answer.

        :raises podium.errors.OtherFleet: it is from another fleet than earlier answers
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
