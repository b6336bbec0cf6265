"""Whether conductors are running that a change of the whole database would disturb."""

from collections.abc import Iterable

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.db import clock
from podium.db.migrations import REVISIONS
from podium.db.models import UTCDateTime, leases, members

#: Seconds without a heartbeat after which a conductor of a version without members is gone: its default.
_USUAL_TIMEOUT = 60.0

#: The table as it was before there were members.
_CONDUCTORS = sa.table(
    "conductors", sa.column("hostname"), sa.column("online"), sa.column("heartbeat_at", UTCDateTime())
)


def refuse_beside_old(connection: sa.Connection, heartbeat_timeout: float) -> None:
    """Refuse to go on beside conductors of versions without members, which only have a heartbeat.

    :param heartbeat_timeout: seconds without a heartbeat after which such a conductor counts as gone
    :raises podium.errors.ConductorsAtWork: naming them
    """
    if "online" not in [one["name"] for one in sa.inspect(connection).get_columns(_CONDUCTORS.name)]:
        return  # they were gone when an interrupted upgrade dropped the column
    online = sa.select(_CONDUCTORS.c.hostname, _CONDUCTORS.c.heartbeat_at).where(_CONDUCTORS.c.online)
    rows, now = connection.execute(online).all(), clock.now(connection)
    timeout = max(heartbeat_timeout, _USUAL_TIMEOUT)
    # A heartbeat in the future was written before the clock was set back, as in podium.db.conductors.
    ages = {row.hostname: abs((now - row.heartbeat_at).total_seconds()) for row in rows}
    alive = {host: age for host, age in ages.items() if age < timeout}
    if alive:
        raise errors.ConductorsAtWork(
            f"this step needs every conductor stopped, and {_named(alive)} of the Podium before it"
            f" {'were' if len(alive) > 1 else 'was'} heard of {min(alive.values()):.0f} s ago; stop every"
            " conductor and run the command again. One that was killed counts as running for"
            f" {timeout - min(alive.values()):.0f} s more"
        )


def refuse_beside_older(connection: sa.Connection, floor: str) -> None:
    """Refuse to go on beside members whose program is older than a revision of the schema.

    :raises podium.errors.ConductorsAtWork: naming their hosts
    """
    if found := older(connection, floor):
        raise errors.ConductorsAtWork(
            f"the new schema cannot be used by the Podium that runs on {_named(found)}; install one there"
            f" that knows revision {floor}, and run the command again. {_REMEDY}"
        )


def older(connection: sa.Connection, revision: str) -> list[str]:
    """The hosts of the members that have not ended and whose program is older than a revision."""
    newer = REVISIONS[REVISIONS.index(revision) :]
    old = sa.select(members.c.host).distinct().join(leases, leases.c.member_id == members.c.id)
    return list(connection.scalars(old.where(members.c.revision.not_in(newer)).order_by(members.c.host)))


def hosts(connection: sa.Connection) -> list[str]:
    """The hosts of all members that have not ended."""
    return list(connection.scalars(sa.select(leases.c.host).distinct().order_by(leases.c.host)))


def refuse_beside_any(connection: sa.Connection, where: str) -> None:
    """Refuse to go on while any member has not ended.

    :param where: the database, in words for people
    :raises podium.errors.ConductorsAtWork: naming their hosts
    """
    if found := hosts(connection):
        raise errors.ConductorsAtWork(
            f"conductors are at work on {where}, on {_named(found)}; stop every conductor and run the command"
            f" again. {_REMEDY}"
        )


_REMEDY = "One that was killed is forgotten by: podium conductor forget HOST"


def _named(hosts: Iterable[str]) -> str:
    return node_ranges.fold_for_log(sorted(set(hosts)))
