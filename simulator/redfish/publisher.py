"""Publishes the events of one simulated Redfish BMC to its listeners."""

import asyncio
from typing import Final, Protocol

from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.events import Event, render

_UNSENT_LIMIT: Final = 256 << 10  # bytes


class Listener(Protocol):
    """A connection that receives events."""

    @property
    def unsent(self) -> int:
        """The number of bytes not sent yet."""

    def send(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """End the connection."""


class Publisher:
    """Sends a BMC's events, and heartbeats, to its listeners.

    :param loop: the loop of the connections; events may come from other threads
    """

    __slots__ = ("_bmc", "_count", "_due", "_listeners", "_loop")

    def __init__(self, bmc: BMC, loop: asyncio.AbstractEventLoop) -> None:
        self._bmc = bmc
        self._loop = loop
        self._listeners: dict[Listener, list[asyncio.TimerHandle]] = {}
        self._due: asyncio.TimerHandle | None = None
        self._count = 0
        bmc.publish = self.publish

    def __len__(self) -> int:
        return len(self._listeners)

    @property
    def full(self) -> bool:
        """Whether the BMC has no room for another event stream."""
        return len(self._listeners) >= self._bmc.settings.stream_limit

    def add(self, listener: Listener) -> None:
        """Send events to a connection from now on."""
        self._listeners[listener] = timers = [self._loop.call_later(self._heartbeat, self._beat, listener)]
        if self._bmc.faults.drops_events:
            timers.append(self._loop.call_later(self._bmc.faults.drops_events, listener.close))
        self._watch()

    def end(self) -> None:
        """End all event streams."""
        for listener in list(self._listeners):
            listener.close()

    def remove(self, listener: Listener) -> None:
        """Send no more events to a connection, even if it was never added."""
        for timer in self._listeners.pop(listener, ()):
            timer.cancel()

    def publish(self, event: Event) -> None:
        """Send an event to all listeners."""
        self._count += 1
        if self._listeners:
            self._loop.call_soon_threadsafe(self._send, render(event, self._count))

    def _send(self, text: bytes) -> None:
        if not self._bmc.faults.event_silence and not self._bmc.faults.dead:
            for listener in list(self._listeners):
                if listener.unsent > _UNSENT_LIMIT:
                    listener.close()
                else:
                    listener.send(text)
        self._watch()

    def _beat(self, listener: Listener) -> None:
        if not self._bmc.faults.event_silence and not self._bmc.faults.dead:
            listener.send(b": heartbeat\n\n")
        self._listeners[listener][0] = self._loop.call_later(self._heartbeat, self._beat, listener)

    @property
    def _heartbeat(self) -> float:
        return self._bmc.settings.heartbeat

    def _watch(self) -> None:
        """Wake up when changes are due, so that their events are sent without a request."""
        due = self._bmc.due
        if due is not None and self._due is None and self._listeners:
            self._due = self._loop.call_later(max(0.0, due - self._bmc.settings.clock()), self._settle)

    def _settle(self) -> None:
        self._due = None
        self._bmc.settle()
        self._watch()
