"""A transport that joins consecutive writes."""

import asyncio
from typing import Any, Final

#: The number of bytes above which a copy takes longer than a system call.
_LARGE: Final = 65_536


class Joining:
    """A transport over another transport.

    The head of an answer and its body are written one after the other. Sending each separately would take one
    more system call, packet and change of threads for each request.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send data before the loop waits for anything."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        if len(data) > _LARGE:
            self._send()

    def close(self) -> None:
        """Send what was written, and close the transport."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if sum(map(len, parts)) <= _LARGE:
            parts = [b"".join(parts)] if parts else []
        for part in parts:
            self._transport.write(part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
