"""Requests that are under way while the number of workers changes."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from daemons import Daemon, Rack, eventually
from podium import states
from podium.db import api, operations, power
from podium.db.engine import Database
from podium.db.models import nodes, power_requests
from rounds import only_long

BMCS = 40


@only_long
@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 2)])
def test_reboots_under_way_are_ended_by_another_number_of_workers(
    tmp_path: Path, before: int, after: int
) -> None:
    with Rack(tmp_path, BMCS, "--fault", "slow=1:100%") as rack:
        daemon = Daemon(tmp_path, f"[conductor]\nworkers = {before}\n", default="enabled_drivers = ipmi")
        daemon.podium("node", "import", str(rack.nodes))
        rack.ctl("power", "on", "100%")
        database = Database(daemon.url)

        def count(query: sa.Select[tuple[int]]) -> int:
            with database.read() as connection:
                return connection.scalar(query) or 0

        sent = sa.select(sa.func.count()).where(power_requests.c.sent_at.is_not(None))
        going = power_requests.c.state.in_((operations.WAITING, operations.BEGUN))
        try:
            with daemon:
                with database.write() as connection:
                    power.ask(connection, api.list_nodes(connection), states.REBOOTING, who="ann@desk")
                eventually(lambda: count(sent) > BMCS / 2, "reboots are about to be sent")
                daemon.kill()
                daemon.write(f"[conductor]\nworkers = {after}\n")
                daemon.start()
                eventually(
                    lambda: not count(sa.select(sa.func.count()).where(going)), "every request has ended"
                )
                assert not count(sa.select(sa.func.count()).where(nodes.c.reservation.is_not(None)))
                assert daemon.stop() == 0
        finally:
            database.dispose()
