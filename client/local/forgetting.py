"""Forgets a conductor whose machine is off, if its workers give no sign of life.

A lease that has not changed stays the same until it is raised, so its last number is enough for the
transaction that ends a worker. The process with the database checks: a client's word is not trusted.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.drains import Forget, Forgotten
from podium.client.local.backend import Backend
from podium.clocks import boottime
from podium.db import avoidances, drains, members, removal, roster, subnets
from podium.db.members import Member

#: Heartbeats for which a member must be silent before a person may end it.
_HEARTBEATS: Final = 2.5
#: Heartbeats after which a database counts as too slow.
_PATIENCE: Final = 30


def forget(backend: Backend, call: Forget) -> Forgotten:
    """End the workers of a conductor or, if none is left, remove it."""
    with backend.database.read() as connection:
        its = [one for one in members.unended(connection) if one.host == call.hostname]
    if not its:
        return _remove(backend, call)
    seen = _silent(backend, its)
    if seen is None:
        raise _lives(call.hostname)
    if not call.confirmed:
        raise errors.NeedsConfirmation(
            f"{call.hostname} gives no sign of life; to forget it needs the word that its machine is off"
        )

    def end(connection: sa.Connection) -> Forgotten:
        members.end(connection, seen, None, f"forgotten by {backend.who}")
        if {one.id for one in members.unended(connection)} & {one.id for one in its}:
            raise _lives(call.hostname)
        return Forgotten(ended=len(its))

    return backend.write(call, end)


def _lives(host: str) -> errors.Conflict:
    return errors.Conflict(
        f"{host} lives: it gave a sign of life just now, and nothing was changed; to take it out of service:"
        f" podium conductor drain {shlex.quote(host)} --wait, then stop it"
    )


def _remove(backend: Backend, call: Forget) -> Forgotten:
    with backend.database.read() as connection:
        avoided = [one.network for one in subnets.listed(connection) if one.host == call.hostname]
    for subnet in avoided:
        avoidances.unavoid(backend.database, call.hostname, subnet)

    def remove(connection: sa.Connection) -> Forgotten:
        roster.require(connection, call.hostname)
        if not removal.remove(connection, call.hostname):
            raise _lives(call.hostname)
        return Forgotten(removed=True)

    return backend.write(call, remove)


def _silent(backend: Backend, its: Sequence[Member]) -> Mapping[int, int] | None:
    """Return the numbers of the leases that did not change for long; None if one was raised.

    :raises podium.errors.Conflict: the database is too slow to tell
    """
    numbers, pause = [one.id for one in its], max(one.interval for one in its)
    seen, begun = None, boottime()
    while True:
        before = boottime()
        found = backend.step(lambda connection: drains.observe(connection, numbers))
        now = boottime()
        if seen is None:
            seen, since, last = found, now, now
        if found != seen:
            return None
        if now - last > pause:
            since = now  # while the database does not answer, no worker can give a sign of life
        if before - since >= _HEARTBEATS * pause:
            return seen
        if now - begun > _PATIENCE * pause:
            raise errors.Conflict("the database answers too slowly to tell who lives; try again later")
        last = now
        backend.pause(pause / 4)
