"""The room of a trial, which shows what the driver learns about its node."""

import concurrent.futures
import time
from collections.abc import Callable
from typing import Any

from podium.cli.trials.transcript import Transcript
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base, push


class TrialRoom(DriverRoom):
    """A conductor's room whose calls of ``node_added`` and ``node_changed`` are printed.

    :param transcript: where they are printed
    """

    def __init__(self, driver: base.Driver, transcript: Transcript) -> None:
        super().__init__(driver)
        self._transcript = transcript
        self._followed = push.defined(driver)
        #: Done once ``node_added`` has ended, even with an error.
        self.told: concurrent.futures.Future[None] = concurrent.futures.Future()
        if push.ADDED not in self._followed:
            self.told.set_result(None)

    async def call(
        self, method: Callable[..., Any], *args: Any, begun: Callable[[], object] = lambda: None
    ) -> Any:
        if getattr(method, "__name__", "") not in self._followed:
            return await super().call(method, *args, begun=begun)
        at, name = time.monotonic(), f"{self.driver.name}.{method.__name__}"
        try:
            await super().call(method, *args, begun=begun)
        finally:
            if not self.told.done():
                self.told.set_result(None)
        return self._transcript.line(f"done, in {time.monotonic() - at:.3f} s", name)
