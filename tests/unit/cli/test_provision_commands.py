"""`podium node manage`, `provide` and `adopt`."""

import subprocess
from collections.abc import Callable

from podium.db import api
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_nodes_are_told_by_their_new_state(podium: Run, database: Database) -> None:
    rows = [{"name": f"n{i}", "driver": "fake", "provision_state": "enroll"} for i in (1, 2)]
    rows += [{"name": "n3", "driver": "fake", "provision_state": "manageable"}]
    with database.write() as connection:
        api.create_nodes(connection, rows)
    done = podium("node", "manage", "n[1-3]")
    assert (done.returncode, done.stdout) == (0, "n[1-2]: verifying\nn3: manageable already\n")
    assert podium("node", "provide", "n3").stdout == "n3: available\n"
    assert podium("node", "manage", "n3").stdout == "n3: manageable\n"
    assert podium("node", "adopt", "n3").stdout == "n3: active\n"


def test_a_state_that_does_not_allow_it_is_named(podium: Run, database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake", "provision_state": "enroll"}])
    done = podium("node", "adopt", "n1")
    assert done.returncode == 1
    assert (
        done.stderr == "podium: n1 is enroll; adopt needs it to be manageable\npodium: nothing was changed\n"
    )
