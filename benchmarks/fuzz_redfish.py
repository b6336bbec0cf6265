"""Fuzzes the redfish driver's readers, guided by coverage, to find errors other than DriverError.

    pip install atheris
    PYTHONPATH=tests python benchmarks/fuzz_redfish.py tree -max_total_time=300
    PYTHONPATH=tests python benchmarks/fuzz_redfish.py answer -max_total_time=300

``tree`` makes a BMC's resources of the bytes and takes every walk over them, as the tests do with hypothesis.
``answer`` makes a BMC on the loopback answer a request with the bytes and close the connection. Further
arguments are libFuzzer's: a corpus folder, ``-runs=N``, or a file that an earlier run left, to repeat it.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import atheris

with atheris.instrument_imports(include=["podium.drivers.redfish"]):
    import bmc_fuzz
    from podium import errors
    from podium.drivers.redfish.http.client import Client, Target, Timing

# Possible beginnings of an answer. The bytes select one, and determine the rest.
BEGINNINGS = (
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 202 Accepted\r\nLocation: /task\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: /",
    b"HTTP/1.1 503 Busy\r\nRetry-After: ",
    b'HTTP/1.1 400 No\r\n\r\n{"error": {"@Message.ExtendedInfo": [{',
)
PATIENCE = Timing(connect=1.0, read=0.2, command=0.3, close=1.0)


class Sender(asyncio.Protocol):
    """A BMC that answers every request with ``answer`` in one piece, and closes the connection."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer)
        self.transport.close()


class Answers:
    """A BMC that sends the fuzzer's bytes, and its client."""

    def __init__(self) -> None:
        self.port = 0

    async def start(self) -> None:
        server = await asyncio.get_running_loop().create_server(Sender, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def take(self, data: bytes) -> None:
        Sender.answer = BEGINNINGS[data[0] % len(BEGINNINGS)] + data[1:] if data else b""
        target = Target("http", "127.0.0.1", self.port, "", "", auth="none")
        async with Client(PATIENCE) as client:
            bmc = client.connect(target)
            with contextlib.suppress(errors.DriverError):
                await bmc.get("/redfish/v1/Systems/1")
            with contextlib.suppress(errors.DriverError):
                await bmc.post("/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", {}, repeatable=False)


def fuzz(take: Callable[[bytes], Coroutine[Any, Any, None]], runner: asyncio.Runner) -> None:
    def one(data: bytes) -> None:
        runner.run(take(data))

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()


async def explore(data: bytes) -> None:
    await bmc_fuzz.explore(bmc_fuzz.tree(data))


def main() -> None:
    with asyncio.Runner() as runner:
        if sys.argv[1:2] == ["tree"]:
            fuzz(explore, runner)
        elif sys.argv[1:2] == ["answer"]:
            answers = Answers()
            runner.run(answers.start())
            fuzz(answers.take, runner)
        else:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
