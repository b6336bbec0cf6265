"""Reads power states with pyghmi over held sessions, as fast as one process can.

    .venv-pyghmi/bin/python benchmarks/pyghmi_reads.py NODES.json SECONDS

Runs in pyghmi's own environment. NODES.json is a list of driver_info. Prints a JSON object with ``reads``,
``seconds`` and ``cpu`` of each measurement: commands that wait for their answers, as pyghmi's own
``get_power`` does, and commands with callbacks, of which many are under way.
"""

import itertools
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from pyghmi.ipmi.command import Command
from pyghmi.ipmi.private.session import Session

_AT_ONCE = 64  # more are slower
_PATIENCE = 60.0  # seconds for all logins
_CHASSIS, _GET_CHASSIS_STATUS = 0, 1  # network function and command of IPMI


def log_in(nodes: list[dict[str, Any]]) -> list[Command]:
    """Open a session to every BMC, some concurrently."""
    sessions: list[Command] = []
    failures: list[str] = []

    def note(response: dict[str, Any], command: Command) -> None:
        if "error" in response:
            failures.append(response["error"])
        else:
            sessions.append(command)

    end = time.monotonic() + _PATIENCE
    for started, info in enumerate(nodes):
        Command(
            bmc=info["ipmi_address"],
            port=info["ipmi_port"],
            userid=info["ipmi_username"],
            password=info["ipmi_password"],
            onlogon=note,
        )
        while started - len(sessions) - len(failures) >= _AT_ONCE and time.monotonic() < end:
            Session.wait_for_rsp(1)
    while len(sessions) + len(failures) < len(nodes) and time.monotonic() < end:
        Session.wait_for_rsp(1)
    if len(sessions) < len(nodes):
        sys.exit(f"{len(sessions)} of {len(nodes)} sessions: {failures[:1]}")
    return sessions


def read_in_turn(commands: list[Command], seconds: float) -> int:
    """Read one power state after another, and return how many were read."""
    until = time.monotonic() + seconds
    done = 0
    for command in itertools.cycle(commands):
        if time.monotonic() > until:
            break
        command.raw_command(netfn=_CHASSIS, command=_GET_CHASSIS_STATUS)
        done += 1
    return done


def read_at_once(commands: list[Command], seconds: float) -> int:
    """Read power states, some concurrently, and return how many were read."""
    done = under_way = 0
    idle = deque(command.ipmi_session for command in commands)

    def start(session: Session) -> None:
        nonlocal under_way

        def end(response: dict[str, Any]) -> None:
            nonlocal done, under_way
            session.incommand = False  # pyghmi leaves this to the caller with a callback
            idle.append(session)
            under_way -= 1
            done += "error" not in response

        under_way += 1
        session.raw_command(netfn=_CHASSIS, command=_GET_CHASSIS_STATUS, callback=end)

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        while idle and under_way < _AT_ONCE:
            start(idle.popleft())
        Session.wait_for_rsp(1)
    return done


def main() -> None:
    nodes, seconds = json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2])
    commands = log_in(nodes)
    figures = {}
    for what, read in (("one at a time", read_in_turn), (f"{_AT_ONCE} at once", read_at_once)):
        wall, cpu = time.perf_counter(), time.process_time()
        reads = read(commands, seconds)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        figures[what] = {"reads": reads, "seconds": wall, "cpu": cpu}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
