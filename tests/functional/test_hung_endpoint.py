"""One of two hypervisors hangs under a driver of plain methods: the other's machines do not notice."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from daemons import Daemon, eventually
from podium import states
from podium.db import api, clock, power
from podium.db.engine import Database
from podium.db.models import power_requests
from rounds import ONLY_MANY, ROUNDS

PLUGIN = '''
import pathlib, time
from podium import states
from podium.drivers import base

FOLDER = pathlib.Path(__file__).parent


class Hypervisors(base.Driver):
    """A blocking library, and machines on hypervisors that hang while a file of their name is there."""

    properties = {"host": base.Property("the hypervisor", required=True)}

    def __init__(self, name, options):
        super().__init__(name, options)
        self.on = set()

    def endpoint(self, node):
        return node.driver_info["host"]

    def get_power_state(self, node):
        self.call(node)
        return states.POWER_ON if node.name in self.on else states.POWER_OFF

    def set_power_state(self, node, target):
        self.call(node)
        with (FOLDER / "switched").open("a") as log:
            log.write(f"{node.name}\\n")
        (self.on.discard if target == states.POWER_OFF else self.on.add)(node.name)

    def call(self, node):
        time.sleep(0.02)
        hung = FOLDER / node.driver_info["host"]
        if hung.exists():
            (FOLDER / f"in-{node.name}").touch()
            while hung.exists():
                time.sleep(0.05)
            (FOLDER / f"in-{node.name}").unlink()
'''

#: Machines on each hypervisor.
MACHINES: Final = 100
#: Seconds that a switch of a healthy machine may take.
PROMPT: Final = 5.0


class Hung:
    """The daemon, and the hypervisors ``hv1`` and ``hv2``."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon = daemon
        self.folder = folder
        self.database = Database(daemon.url)
        rows = [
            {"name": f"{host}-{number}", "driver": "hyp", "driver_info": {"host": host}, "endpoint": host}
            for number in range(MACHINES)
            for host in ("hv1", "hv2")
        ]
        with self.database.write() as connection:
            api.create_nodes(connection, rows)

    def hang(self) -> None:
        (self.folder / "hv2").touch()
        eventually(lambda: len(list(self.folder.glob("in-hv2-*"))) == 2, "hv2's share of calls hangs")

    def is_hung(self, name: str) -> bool:
        return (self.folder / f"in-{name}").exists()

    def let_go(self) -> None:
        (self.folder / "hv2").unlink()

    def ask(self, names: list[str], action: str, timeout: float | None = None) -> int:
        with self.database.write() as connection:
            rows = api.find_nodes(connection, names)
            asked = power.ask(connection, rows, action, who="ann@desk", timeout=timeout)
        assert asked.operation_id is not None
        return asked.operation_id

    def ended(self, operation: int) -> list[Any]:
        """The requests of an operation, once all have ended."""
        query = power_requests.select().where(power_requests.c.operation_id == operation)

        def look() -> list[Any] | None:
            with self.database.read() as connection:
                rows = list(connection.execute(query))
            return rows if all(row.finished_at for row in rows) else None

        found: list[Any] = eventually(look, "the requests have ended")
        return found

    def switch(self, action: str) -> float:
        """Switch ten healthy machines; return the seconds of the slowest."""
        rows = self.ended(self.ask([f"hv1-{number}" for number in range(10)], action))
        assert {row.state for row in rows} == {"done"}
        return max((row.finished_at - row.requested_at).total_seconds() for row in rows)

    def of(self, host: str) -> list[dict[str, Any]]:
        return [row for name, row in self.daemon.nodes().items() if name.startswith(host)]

    def are_read_again(self, host: str) -> None:
        """Wait until every machine of a hypervisor has been read from now on.

        Its ``last_error`` may stay all the same: that of a request in vain is cleared by the next request.
        """
        before = max(row["power_checked_at"] for row in self.of(host))

        def is_read(row: dict[str, Any]) -> bool:
            return bool(row["power_checked_at"] > before and not row["power_failures"])

        eventually(lambda: all(map(is_read, self.of(host))), f"the machines of {host} are read again")

    def oldest(self) -> float:
        """The age of the oldest reading of a healthy machine, in seconds."""
        with self.database.read() as connection:
            now = clock.now(connection)
        return float(max((now - row["power_checked_at"]).total_seconds() for row in self.of("hv1")))

    def switched(self, host: str) -> list[str]:
        log = self.folder / "switched"
        return [name for name in log.read_text().split() if name.startswith(host)] if log.exists() else []


@contextlib.contextmanager
def hypervisors(tmp_path: Path, interval: float) -> Iterator[Hung]:
    """Two hypervisors whose machines have all been read."""
    folder = tmp_path / "plugin"
    info = folder / "hyp_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "hyp_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hyp-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[podium.drivers]\nhyp = hyp_plugin:Hypervisors\n")
    text = f"sync_power_state_interval = {interval}\n"
    environment = {"PYTHONPATH": str(folder)}
    with Daemon(tmp_path, text, default="enabled_drivers = hyp", environment=environment) as daemon:
        found = Hung(daemon, folder)
        eventually(lambda: all(row["power_checked_at"] for row in daemon.nodes().values()), "all are read")
        yield found
        found.database.dispose()
        assert daemon.stop() == 0


def test_while_a_hypervisor_hangs_the_others_machines_are_read_and_switched_and_nothing_is_done_late(
    tmp_path: Path,
) -> None:
    with hypervisors(tmp_path, 2) as hung:
        hung.hang()
        free = [name for name in hung.daemon.nodes() if name.startswith("hv2") and not hung.is_hung(name)]
        asked = hung.ask(free[:8], states.POWER_ON, timeout=2)
        hung.switch(states.POWER_ON)
        hung.are_read_again("hv1")
        for row in hung.ended(asked):
            assert "not asked: hv2 had 2 other calls under way for 2 s" in row.error
        assert len(list(hung.folder.glob("in-hv2-*"))) == 2
        hung.let_go()
        hung.are_read_again("hv2")
        assert hung.switched("hv2") == []


@pytest.mark.parametrize("minutes", [pytest.param(max(ROUNDS // 4, 3), marks=ONLY_MANY)])
def test_a_hypervisor_that_hangs_for_minutes_makes_no_healthy_machine_slow_or_its_reading_old(
    tmp_path: Path, minutes: int
) -> None:
    interval = 5
    with hypervisors(tmp_path, interval) as hung:
        hung.hang()
        slowest = oldest = 0.0
        end, turn = time.monotonic() + minutes * 60, 0
        while time.monotonic() < end:
            turn += 1
            slowest = max(slowest, hung.switch((states.POWER_ON, states.POWER_OFF)[turn % 2]))
            oldest = max(oldest, hung.oldest())
            time.sleep(0.5)
        assert slowest < PROMPT
        assert oldest < 2 * interval
        errors = {row["last_error"] for row in hung.of("hv2")}
        assert any("that do not return" in error for error in errors)
        text = hung.daemon.text()
        assert text.count("the nodes of hv2 are not asked: hv2 has 2 calls that do not return") == 1
        hung.let_go()
        hung.are_read_again("hv2")
        assert {row.state for row in hung.ended(hung.ask(["hv2-0", "hv2-99"], states.POWER_ON))} == {"done"}
