"""A switch fails under a fleet whose power states are enforced, and no machine is switched because of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from daemons import Daemon, Rack, eventually
from podium import states
from rounds import ROUNDS

BMCS: Final = 200 * min(ROUNDS, 5)
ALL: Final = f"1-{BMCS}"
#: Behind the switch; those of them that are off when it is back; others that somebody switches off meanwhile.
VANISHED: Final = BMCS * 3 // 10
CHANGED: Final = BMCS // 5
ELSEWHERE: Final = 10
DIFFERENT: Final = CHANGED + ELSEWHERE
#: Seconds in which a node that differs would be switched: between two reads, and for others to differ too.
LONG_ENOUGH: Final = 5 + 10 + 3
CONFIG: Final = """
[conductor]
force_power_state_during_sync = true
sync_power_state_interval = 2
[ipmi]
command_retry_timeout = 8
"""


def carried_out(rack: Rack) -> dict[str, list[str]]:
    return {address: bmc["log"] for address, bmc in rack.log(ALL).items()}


@pytest.mark.long
def test_a_switch_outage_with_enforcement_on_sends_not_one_power_command(tmp_path: Path) -> None:
    with Rack(tmp_path, BMCS) as rack:
        daemon = Daemon(tmp_path, CONFIG, default="enabled_drivers = ipmi")
        daemon.podium("node", "import", str(rack.nodes))
        with daemon:

            def count(condition: Callable[[dict[str, Any]], Any]) -> int:
                return sum(bool(condition(row)) for row in daemon.nodes().values())

            names = sorted(daemon.nodes())
            daemon.podium("node", "power", "on", "--wait", "--yes", *names)
            before = carried_out(rack)
            assert set(map(tuple, before.values())) == {("on",)}

            rack.ctl("fault", "dead", f"1-{VANISHED}")
            rack.ctl("power", "off", f"{BMCS - ELSEWHERE + 1}-{BMCS}")
            rack.ctl("power", "off", f"1-{CHANGED}")
            eventually(
                lambda: count(lambda row: row["power_failures"]) == VANISHED, "those that vanished are missed"
            )
            rack.ctl("fault", "clear", "dead", f"1-{VANISHED}")
            eventually(
                lambda: count(lambda row: row["power_state"] == states.POWER_OFF) == DIFFERENT,
                "the hardware's states are recorded",
            )
            eventually(lambda: daemon.rows("conductor", "list")["here"]["frozen_at"], "it is frozen")
            time.sleep(LONG_ENOUGH)
            eventually(
                lambda: count(lambda row: row["enforcement"]) == DIFFERENT, "it is told why nothing is done"
            )
            assert carried_out(rack) == before
            assert daemon.stop() == 0
