"""Reads power states with sushy, from eight threads, with a session for each BMC.

    .venv-sushy/bin/python benchmarks/sushy_reads.py NODES.json SECONDS CONTROL

Runs in sushy's own environment. NODES.json is a list of driver_info, CONTROL the socket of the simulator,
which reports how many requests it answered. Prints a JSON object with ``reads``, ``seconds``, ``cpu`` and
``requests`` of each measurement. A read is a read of Ironic's power interface: it gets the System. By default
sushy asks to close every connection after one answer; reads over kept connections are measured too.
"""

import itertools
import json
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sushy

_THREADS = 8
_SYSTEM = "/redfish/v1/Systems/1"


def log_in(info: dict[str, Any]) -> sushy.Sushy:
    """Open a session to a BMC and read its power for the first time."""

    def connect() -> sushy.Sushy:
        login = sushy.auth.SessionAuth(info["redfish_username"], info["redfish_password"])
        return sushy.Sushy(info["redfish_address"], auth=login, verify=False)

    connection = persistently(connect)
    read(connection)
    return connection


def read(connection: sushy.Sushy) -> None:
    """Read the power of the machine."""
    state = persistently(lambda: connection.get_system(_SYSTEM).power_state)
    if state not in (sushy.PowerState.ON, sushy.PowerState.OFF):
        sys.exit(f"sushy found the power state {state}")


def persistently(request: Callable[[], Any]) -> Any:
    """Repeat a request once, as Ironic does, if the connection was closed during the request."""
    try:
        return request()
    except sushy.exceptions.ConnectionError:
        return request()


def keep(connection: sushy.Sushy) -> None:
    """Make a BMC keep the connection open, and read over it for the first time."""
    connection._conn._session.headers["Connection"] = "keep-alive"
    read(connection)


def in_turn(connections: list[sushy.Sushy], until: float) -> int:
    """Read one BMC after another, and return how many were read."""
    done = 0
    for connection in itertools.cycle(connections):
        if time.monotonic() > until:
            break
        read(connection)
        done += 1
    return done


def answered(control: str) -> int:
    """Return how many requests the simulator has answered so far."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(control)
        client.sendall(b'{"get": "status"}\n')
        return int(json.loads(client.makefile().readline())["requests"])


def measured(control: str, reading: Callable[[], int]) -> dict[str, float]:
    """Return the cost of some reads."""
    before, wall, cpu = answered(control), time.perf_counter(), time.process_time()
    reads = reading()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"reads": reads, "seconds": wall, "cpu": cpu, "requests": answered(control) - before}


def main() -> None:
    file, seconds, control = sys.argv[1:]
    nodes = json.loads(Path(file).read_text())
    connections: list[sushy.Sushy] = []
    with ThreadPoolExecutor(_THREADS) as pool:

        def first() -> int:
            connections.extend(pool.map(log_in, nodes))
            return len(connections)

        def later() -> int:
            shares = [connections[number::_THREADS] for number in range(_THREADS)]
            until = time.monotonic() + float(seconds)
            return sum(pool.map(in_turn, shares, itertools.repeat(until)))

        figures = {"login": measured(control, first), "closed": measured(control, later)}
        list(pool.map(keep, connections))
        figures["kept"] = measured(control, later)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
