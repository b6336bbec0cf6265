"""A program that keeps many change streams open, does little with them, and reports when all changes arrived.

Usage: stream_clients.py PORT STREAMS CHANGES. The node description in each change contains the time of the
write, by the monotonic clock that all programs of a host share.
"""

import asyncio
import json
import re
import resource
import sys
import time
from typing import Final

_PATH: Final = "/podium/v1/changes?kinds=nodes&fields=description"
_CHANGE: Final = b"event: nodes\n"
_WRITTEN: Final = re.compile(rb'"description":"([0-9.]+)"')
_PATIENCE: Final = 300.0


class _Stream(asyncio.Protocol):
    """One stream.

    :ivar changes: the number of changes received
    :ivar longest: the most seconds from the write of a change to its arrival
    """

    def __init__(self, port: int, wanted: int) -> None:
        self._port = port
        self._wanted = wanted
        self._rest = b""
        self.started = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.changes = 0
        self.longest = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        request = f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n"
        transport.write(request.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not self.started.done():
            if b"event: started" in data:
                self.started.set_result(None)
            return
        data = self._rest + data
        whole = data.rfind(b"\n\n") + 2
        self._rest, data = data[whole:], data[:whole]
        self.changes += data.count(_CHANGE)
        if oldest := _WRITTEN.search(data):
            self.longest = max(self.longest, time.monotonic() - float(oldest[1]))
        if self.changes >= self._wanted and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for one in (self.started, self.ended):
            if not one.done():
                one.set_exception(ConnectionError(f"a stream ended after {self.changes} changes"))


async def _follow(port: int, count: int, changes: int) -> None:
    loop = asyncio.get_running_loop()
    streams = []
    for _ in range(count):
        _, stream = await loop.create_connection(lambda: _Stream(port, changes), "127.0.0.1", port)
        streams.append(stream)
    await asyncio.wait_for(asyncio.gather(*(one.started for one in streams)), _PATIENCE)
    _say("ready")
    await asyncio.wait_for(asyncio.gather(*(one.ended for one in streams)), _PATIENCE)
    most = max(one.changes for one in streams)
    found = sorted(one.longest for one in streams)
    _say(json.dumps({"most": most, "longest": found[-1], "median": found[count // 2]}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Follow the number of streams given in the arguments."""
    port, count, changes = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
    asyncio.run(_follow(port, count, changes))


if __name__ == "__main__":
    main()
