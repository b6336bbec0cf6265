"""The BMCs for all rows of a section: one podium-sim, whose faults change from row to row."""

import contextlib
import ipaddress
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from processes import Failed, Program, run

from podium.simulator import control

#: The folder of this environment's programs.
BIN: Final = Path(sys.executable).parent

USER: Final = "admin"
PASSWORD: Final = "podium-sim"
_FIRST: Final = int(ipaddress.IPv4Address("127.20.0.1"))
#: The path of every Redfish BMC's machine.
SYSTEM: Final = "/redfish/v1/Systems/1"
_START: Final = 60.0
#: A BMC holds few sessions. Sessions of a daemon that has ended must not block the next one.
_SESSIONS: Final = 64


class Rack(Program):
    """Simulated BMCs. IPMI addresses begin at 127.20.0.1.

    :param protocol: ipmi or redfish; redfish uses TLS
    :param count: the number of BMCs
    """

    def __init__(self, folder: Path, protocol: str, count: int, port: int) -> None:
        self.folder = folder
        self.port = port
        self._file = folder / f"{protocol}.json"
        self.control = folder / f"{protocol}.socket"
        options = [
            *(f"--{protocol}", count, "--port", port, "--sessions", _SESSIONS),
            *("--nodes-file", self._file, "--control", self.control),
        ]
        super().__init__([BIN / "podium-sim", *map(str, options)], folder / f"{protocol}.log")

    def __enter__(self) -> "Rack":
        super().__enter__()
        try:
            self.until(lambda: "BMCs at" in self.text(), _START, "ready")
        except BaseException:
            self.stop()
            raise
        self._nodes: list[dict[str, Any]] = json.loads(self._file.read_text())["nodes"]
        return self

    def nodes(self, count: int) -> list[dict[str, Any]]:
        """Return the first BMCs as nodes.

        :raises Failed: if there are fewer
        """
        if count > len(self._nodes):
            raise Failed(f"the rack has {len(self._nodes)} BMCs, not {count}")
        return self._nodes[:count]

    @contextlib.contextmanager
    def faulty(self, fault: str, where: str) -> Iterator[None]:
        """Give some BMCs a fault during the ``with`` block: ``faulty("dead", "10%")``."""
        command: list[str | Path] = [BIN / "podium-sim", "ctl", "--control", self.control, "fault"]
        run([*command, fault, where], _START)
        try:
            yield
        finally:
            run([*command, "clear", "all", "100%"], _START)

    def count(self, what: str) -> int:
        """Return a total of the simulator's status: of BMCs, requests or sessions."""
        return int(control.ask(str(self.control), {"get": "status"})[what])

    def host_ranges(self, place: int, count: int) -> str:
        """Return BMCs in ipmipower's notation: ``127.20.0.[1-255]:6230,127.20.1.[0-20]:6230``."""
        ranges = []
        start, end = _FIRST + place, _FIRST + place + count
        while start < end:
            last = min(end - 1, start | 0xFF)
            prefix = str(ipaddress.IPv4Address(start)).rpartition(".")[0]
            ranges.append(f"{prefix}.[{start & 0xFF}-{last & 0xFF}]:{self.port}")
            start = last + 1
        return ",".join(ranges)
