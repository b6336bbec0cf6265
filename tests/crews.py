"""Members for tests of the user interface to them."""

from typing import Any, Final

import sqlalchemy as sa

from podium.db import members, slots
from podium.db.engine import Database
from podium.db.models import conductors, utcnow
from podium.db.worker import Worker

SERVICE = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "a:1 b:1")
_ROW: Final = {"process": "1", "drivers": ["fake"], "conductor_group": "", "workers": 1, "online": True}


def enter(database: Database, host: str, worker: int = 0, **service: Any) -> Worker:
    """Add a member, and the row of its daemon."""
    with database.write() as connection:
        if host not in connection.scalars(sa.select(conductors.c.hostname)).all():
            row = {**_ROW, "hostname": host, "started_at": utcnow(), "heartbeat_at": utcnow()}
            its = {name: value for name, value in row.items() if name in conductors.c}
            connection.execute(sa.insert(conductors).values(its))
        return members.enter(connection, host, worker, SERVICE._replace(**service))


def settle(database: Database, *workers: Worker) -> int:
    """Make the generation that is due, and acknowledge it for these workers."""
    with database.write() as connection:
        number = slots.make_generation(connection) or 0
    for worker in workers:
        with database.write() as connection:
            members.acknowledge(connection, worker, number)
    return number
