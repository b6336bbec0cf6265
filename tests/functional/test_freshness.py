"""What an operator is told of how fresh the readings of a running daemon are."""

import json
from pathlib import Path
from typing import Any

from daemons import Daemon, eventually


def test_a_running_conductor_tells_how_fresh_its_readings_are(tmp_path: Path) -> None:
    with Daemon(
        tmp_path,
        "[conductor]\nsync_power_state_interval = 1\npower_state_sync_max_retries = 0\n",
        default="enabled_drivers = fake",
    ) as daemon:
        daemon.podium("node", "create", "--driver", "fake", "--name", "alive")
        daemon.podium(
            "node", "create", "--driver", "fake", "--name", "dead", "--driver-info", "fake_failure_rate=1"
        )
        daemon.podium("node", "create", "--driver", "fake", "--name", "parked")
        daemon.podium("node", "maintenance", "set", "parked")

        def figures() -> dict[str, Any] | None:
            shown: dict[str, Any] = json.loads(daemon.podium("conductor", "show", "-f", "json").stdout)
            settled = shown["nodes"] == 3 and shown["failing"] and shown["in_maintenance"]
            # One is fresh and one never read; one that had to wait for this machine is stale for a while.
            is_fresh = shown["fresh_share"] == 0.5
            return shown if settled and is_fresh and shown["power_reads"]["fake"]["sweep_nodes"] else None

        shown = eventually(figures, "the figures of three nodes are written")
        assert (shown["in_maintenance"], shown["never_read"], shown["failing"]) == (1, 1, 1)
        assert sum(shown["power_reads"]["fake"]["failures"].values()) > 0
        stale = daemon.podium("node", "list", "--stale", "60", "-f", "value", "-c", "name").stdout
        assert stale.split() == ["dead"]
        assert daemon.stop() == 0
