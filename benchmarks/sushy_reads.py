"""Reads of power states with sushy, from eight threads, each BMC over a session of its own.

    .venv-sushy/bin/python benchmarks/sushy_reads.py NODES.json SECONDS CONTROL

Runs in sushy's own environment. NODES.json is a list of driver_info, CONTROL the socket of the simulator,
which is asked how many requests it answered. Prints a JSON object: what was measured, and of it ``reads``,
``seconds``, ``cpu`` and ``requests``. A read is what Ironic's power interface does for one: it gets the
System. As it comes, sushy asks for every connection to be closed after one answer; measured is also what it
takes when it is made to keep them.
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
    """Ask once more, as Ironic does, when a connection was closed while the request was on its way."""
    try:
        return request()
    except sushy.exceptions.ConnectionError:
        return request()


def keep(connection: sushy.Sushy) -> None:
    """Have a BMC keep the connection, and read over it for the first time."""
    connection._conn._session.headers["Connection"] = "keep-alive"
    read(connection)


def in_turn(connections: list[sushy.Sushy], until: float) -> int:
    """Read one after another; returns how many were read."""
    done = 0
    for connection in itertools.cycle(connections):
        if time.monotonic() > until:
            break
        read(connection)
        done += 1
    return done


def answered(control: str) -> int:
    """How many requests the simulator has answered so far."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(control)
        client.sendall(b'{"get": "status"}\n')
        return int(json.loads(client.makefile().readline())["requests"])


def measured(control: str, reading: Callable[[], int]) -> dict[str, float]:
    """What some reads took."""
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

        told = {"login": measured(control, first), "closed": measured(control, later)}
        list(pool.map(keep, connections))
        told["kept"] = measured(control, later)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
