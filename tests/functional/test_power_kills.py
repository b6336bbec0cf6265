"""The daemon is killed again and again while hundreds of requests are on their way, over faulty hardware."""

import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from daemons import Daemon, Rack, eventually
from podium import errors, states
from podium.db import api, operations, power
from podium.db.engine import Database
from podium.db.models import nodes, power_requests
from rounds import ROUNDS, SEED, rest_is_long
from servers import Server

CUT: Final = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
BMCS: Final = 200
FAULTS: Final = ("slow=0.3:1-20", "lossy=0.2:21-40", "stale=1:41-60", "refuses=1:61-80")
#: Those that lose answers or tell old states: a conductor that starts asks them for what is so already.
UNCLEAR: Final = slice(20, 60)
#: Rounds after which all is let come to its end and looked at.
LOOK: Final = 5
ACTIONS: Final = (states.POWER_ON, states.POWER_OFF, states.REBOOTING, states.REBOOTING)
CONFIG: Final = "[conductor]\nsync_power_state_interval = 5\npower_state_change_timeout = 10\n"


class Load:
    """People who ask, somebody who kills, and the books that are kept of both."""

    def __init__(self, daemon: Daemon, rack: Rack) -> None:
        self._daemon = daemon
        self._rack = rack
        self._random = random.Random(SEED)
        self._database = Database(daemon.url)
        self._rows = self._all(sa.select(nodes.c.id, nodes.c.name, nodes.c.driver_info).order_by(nodes.c.id))
        self._was_on: dict[str, bool] = {}
        self._seen: Counter[str] = Counter()
        self._looked_at = 0
        self.accepted = 0
        self.kills: Counter[str] = Counter()
        self.needless: Counter[str] = Counter()

    def close(self) -> None:
        self._database.dispose()

    def _all(self, query: sa.Executable) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(query))

    def ask(self) -> None:
        rows = self._random.sample(self._rows, self._random.randint(20, 120))
        action = self._random.choice(ACTIONS)

        def insist() -> power.Asked | None:
            try:
                with self._database.write() as connection:
                    return power.ask(connection, rows, action, who="ann@desk")
            except (errors.DatabaseBusy, errors.DatabaseUnavailable):
                return None

        self.accepted += len(eventually(insist, "the request is accepted").accepted)

    def round(self) -> None:
        """Ask, and kill master and worker, or the worker, at any moment of it."""
        for _ in range(self._random.randint(3, 5)):
            self.ask()
            time.sleep(self._random.uniform(0.0, 0.4))
            if self._daemon.url.startswith("postgresql"):
                self._all(CUT)
                self.kills["connections"] += 1
        if self._random.random() < 0.3:
            before = self._daemon.text().count(" owns ")
            os.kill(min(self._daemon.children()), signal.SIGKILL)
            self.ask()
            eventually(lambda: self._daemon.text().count(" owns ") > before, "another worker is there")
            self.kills["worker"] += 1
        else:
            self._daemon.kill()
            self.ask()
            self._daemon.start()
            self.kills["daemon"] += 1

    def look(self) -> None:
        """Let everything come to its end, and compare the books."""
        going = power_requests.c.state.in_((operations.WAITING, operations.BEGUN))
        eventually(lambda: not self._all(sa.select(power_requests.c.id).where(going)), "every request ends")
        self._daemon.podium("task", "run", "conductor.sync_power_status")
        requests = self._all(sa.select(power_requests))
        assert len(requests) == self.accepted, "a request was lost"
        assert not self._all(sa.select(nodes.c.name).where(nodes.c.reservation.is_not(None)))
        carried_out = {operations.DONE, operations.FAILED}
        fresh = [one for one in requests if one.id > self._looked_at and one.state in carried_out]
        reboots = Counter(one.node_id for one in fresh if one.action == states.REBOOTING)
        self._looked_at = max(one.id for one in requests)
        bmcs = self._rack.log(f"1-{BMCS}")
        for row in self._rows:
            self._look_at(row, bmcs[row.driver_info["ipmi_address"]], reboots[row.id])
        eventually(lambda: self._states() == {True}, "the database says what the machines are")

    def _look_at(self, row: Any, bmc: dict[str, Any], reboots: int) -> None:
        new = bmc["log"][self._seen[row.name] :]
        assert len(bmc["log"]) < 256, "the log is complete"
        self._seen[row.name] = len(bmc["log"])
        assert new.count("reset") <= reboots, f"{row.name} was rebooted more often than was asked for: {new}"
        on = self._was_on.get(row.name, False)
        for action in new:
            if action in ("on", "off"):
                self.needless[row.name] += on == (action == "on")
                on = action == "on"
        self._was_on[row.name] = on

    def _states(self) -> set[bool]:
        bmcs = self._rack.log(f"1-{BMCS}")
        words = {True: states.POWER_ON, False: states.POWER_OFF}
        with self._database.read() as connection:
            rows = api.list_nodes(connection)
        return {row.power_state == words[bmcs[row.driver_info["ipmi_address"]]["power_on"]] for row in rows}

    def needless_where_all_is_clear(self) -> list[str]:
        unclear = {row.name for row in self._rows[UNCLEAR]}
        return [name for name, count in self.needless.items() if count and name not in unclear]

    def report(self) -> str:
        """What was asked, and what came of it; needless are commands for what was so already."""
        counted = sa.select(power_requests.c.state, sa.func.count()).group_by(power_requests.c.state)
        ends = ", ".join(f"{count} {state}" for state, count in sorted(self._all(counted)))
        kills = ", ".join(f"{count} of the {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{ROUNDS} rounds, kills: {kills}; {self.accepted} requests for {BMCS} nodes: {ends};"
            f" {sum(self.needless.values())} needless commands\n"
        )


@pytest.mark.long
@rest_is_long("kind", ["sqlite", "postgresql"])
def test_nothing_is_lost_or_done_twice_when_the_daemon_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    url = None
    if kind == "postgresql":  # whose connections are killed too
        server: Server = request.getfixturevalue("postgresql_server")
        url = server.url(server.create_migrated_database())
    placed = [word for fault in FAULTS for word in ("--fault", fault)]
    with Rack(tmp_path, BMCS, "--sessions", "64", *placed) as rack:
        daemon = Daemon(tmp_path, CONFIG, default="enabled_drivers = ipmi", url=url)
        daemon.podium("node", "import", str(rack.nodes))
        with daemon:
            load = Load(daemon, rack)
            try:
                for number in range(1, ROUNDS + 1):
                    load.round()
                    if number % LOOK == 0 or number == ROUNDS:
                        load.look()
                with capsys.disabled():
                    sys.stdout.write(load.report())
                assert not load.needless_where_all_is_clear()
            finally:
                load.close()
            assert daemon.stop() == 0
