"""A request to one BMC and its answer, including the pauses and redirects that the BMC asks for."""

import asyncio
from collections.abc import Callable
from typing import Final

from podium.drivers.redfish.http import answers, origin, requests, sessions
from podium.drivers.redfish.http.answers import BMCBusy
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.wire import Network, Target, Wire

_BUSY: Final = frozenset({429, 503})
_REDIRECTS: Final = 3
_OK: Final = 200


class Exchange:
    """The requests to one target; the caller ensures that they do not overlap."""

    __slots__ = ("_clock", "_left_alone_until", "_network", "_target", "wire")

    def __init__(self, target: Target, network: Network, clock: Callable[[], float]) -> None:
        self.wire = Wire(target, network)
        self._target = target
        self._network = network
        self._clock = clock
        self._left_alone_until = 0.0  # at the BMC's own request

    async def ask(
        self,
        method: str,
        path: str,
        head: str,
        rest: str,
        deadline: float,
        *,
        repeatable: bool = True,
        redirects: int = _REDIRECTS,
    ) -> tuple[Answer, str]:
        """Send one request, once more if the BMC asks for a pause and there is time for it.

        :param head: the lines of the head that all requests have; ``rest``: the others, and the body
        :param repeatable: as in :meth:`podium.drivers.redfish.http.wire.Wire.talk`
        :param redirects: how many are followed, as long as they lead to the BMC itself
        :return: the answer, which is a redirect if it must not be followed or is one too many; and the path
            that was requested last
        """
        request = requests.request(method, path, head, rest)
        for _ in range(2):
            pause = self._left_alone_until - self._clock()
            if pause > 0:
                if self._network.loop.time() + pause > deadline:
                    raise self.busy()
                await asyncio.sleep(pause)
            answer = await self.wire.talk(request, deadline, repeatable=repeatable)
            status = answer.status
            if status < 300:
                break
            if status in origin.REDIRECTING:
                step = origin.redirected(method, path, answer, self.own_path)
                if step is None or not redirects:
                    return answer, path
                if step[0] != method:
                    return await self._see(step[1], head, deadline, redirects)
                return await self.ask(
                    *step, head, rest, deadline, repeatable=repeatable, redirects=redirects - 1
                )
            if status not in _BUSY or not self.is_busy(answer):
                break
        else:
            raise self.busy()
        return answer, path

    async def _see(self, path: str, head: str, deadline: float, redirects: int) -> tuple[Answer, str]:
        """Read the result of a request that was answered with 303; in any case, it was carried out."""
        answer, path = await self.ask("GET", path, head, "\r\n", deadline, redirects=redirects - 1)
        return (answer if answer.status < 300 else Answer(_OK, answer.headers, b"")), path

    def own_path(self, link: str, base: str) -> str | None:
        """See :func:`podium.drivers.redfish.http.origin.own_path`."""
        return origin.own_path(link, base, self._target, self.wire.peer)

    def check_pause(self) -> None:
        """Check that the BMC may be sent a request.

        :raises BMCBusy: it asked for a pause
        """
        if self._clock() < self._left_alone_until:
            raise self.busy()

    def is_busy(self, answer: Answer) -> bool:
        """Leave a busy BMC alone if it says for how long; return whether it does."""
        asked = answers.retry_after(answer) if answer.status in _BUSY else None
        if asked is None or sessions.is_session_limit(answer):
            return False
        self._network.counts.busy += 1
        self._left_alone_until = self._clock() + asked
        return True

    def busy(self) -> BMCBusy:
        """Return the error for a BMC that is left alone."""
        seconds = max(self._left_alone_until - self._clock(), 0.0)
        return BMCBusy(f"BMC {self._target} is busy and asks to be left alone for {seconds:.0f} s")
