"""Conductors as the database sees them, for tests of how others treat them."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from podium.db import conductors, members
from podium.db.members import Service
from podium.db.worker import Worker

SERVICE: Final = Service("boot:1:100", ("fake",), ("",), (), 60.0, 10.0, "1", "")


def enter(
    connection: sa.Connection,
    host: str,
    drivers: Sequence[str] = ("fake",),
    group: str = "",
    workers: int = 1,
    groups: Sequence[str] = (),
    fallback: Sequence[str] = (),
) -> list[Worker]:
    """Enter a conductor with all its workers."""
    conductors.begin(connection, host, workers)
    service = SERVICE._replace(
        drivers=drivers, conductor_groups=tuple(groups) or (group,), fallback_groups=fallback
    )
    return [members.enter(connection, host, index, service) for index in range(workers)]
