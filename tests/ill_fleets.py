"""Fleets with a conductor and with all kinds of problems."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from crews import enter, settle
from podium import node_ranges
from podium.db import api, clock, conductors, enforcement, members, power, provision_states
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.faults import POWER_FAILURE
from podium.db.figures import DriverFigures, Figures, SinkFigures
from podium.db.models import nodes, power_readings, utcnow
from podium.db.models import power_requests as requests
from podium.db.worker import Worker

#: Problems of some nodes.
_ILL: Final[dict[str, dict[str, Any]]] = {
    "r1n[1-3]": {"maintenance": True, "fault": POWER_FAILURE, "power_failures": 9},
    "r1n4": {"health": {"status": "Critical", "reasons": ["fan"]}},
    "r1n5": {"power_state": "error"},
    "r1n[6-7]": {"power_failures": 2},
    "r1n8": {"health": {"status": "Warning", "reasons": ["disk"]}},
    "r1n9": {"health": {"status": "Critical", "reasons": ["fan"]}, "maintenance": True},
    "r1n10": {"credentials_expire_at": utcnow() - timedelta(days=1)},
    "r1n11": {"power_policy": "ignore"},
}


def enrol(database: Database, *names: str, read: float = 1.0, **columns: Any) -> None:
    """Enrol nodes that are an hour old, on, and were last read ``read`` seconds ago."""
    expanded = node_ranges.expand(names)
    with database.write() as connection:
        rows = [{"driver": "fake", "power_state": "power on", **columns, "name": name} for name in expanded]
        api.create_nodes(connection, rows)
        now = clock.now(connection)
        its = nodes.c.name.in_(expanded)
        connection.execute(sa.update(nodes).where(its).values(created_at=clock.later(now, -3600)))
        numbers = sa.select(nodes.c.id).where(its)
        checked = sa.update(power_readings).where(power_readings.c.node_id.in_(numbers))
        connection.execute(checked.values(checked_at=clock.later(now, -read)))


def change(database: Database, names: str, **columns: Any) -> None:
    with database.write() as connection:
        its = nodes.c.name.in_(node_ranges.expand([names]))
        connection.execute(sa.update(nodes).where(its).values(**columns))


def fail(database: Database, action: str, names: str) -> int:
    """Request an action, and let it fail."""
    with database.write() as connection:
        keys = api.find_keys(connection, node_ranges.expand([names]))
        number = power.ask(connection, keys, action, who="me").operation_id
        assert number is not None
        failed = sa.update(requests).where(requests.c.operation_id == number)
        connection.execute(failed.values(state="failed", error="it says no"))
        asked = {"target_power_state": None, "power_request_id": None}
        connection.execute(sa.update(nodes).values(asked))
    return number


def conducted(database: Database) -> Worker:
    """Add the only conductor, which owns all present and future nodes with the driver fake."""
    found = enter(database, "c1")
    enrol(database, "r1n[1-12]")
    settle(database, found)
    return found


def make_ill(database: Database, worker: Worker) -> None:
    for names, columns in _ILL.items():
        change(database, names, **columns)
    enrol(database, "x[1-2]", driver="acme")
    enrol(database, "old[1-2]", read=1000.0)
    enrol(database, "left", provision_state=provision_states.ENROLL, power_state=None)
    settle(database, worker)
    fail(database, "power off", "r1n[11-12]")
    report = TaskReport("fake.check", "failing", 60.0, None, None, 9, 9, 0, 0, "no such sensor")
    figures = Figures(
        notifications={"hook": SinkFigures(failing=True, failing_since=utcnow(), last_error="503")},
        drivers={"fake": DriverFigures(late=True)},
    )
    gone = enter(database, "c2")
    with database.write() as connection:
        conductors.save_tasks(connection, worker, [report])
        conductors.save_figures(connection, worker, figures)
        members.leave(connection, gone)
        enforcement.freeze(connection, utcnow(), "many nodes vanished")
