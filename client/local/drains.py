"""Answers about conductors that are taken out of service, and back."""

from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client import networks
from podium.client.calls.call import Page
from podium.client.calls.drains import (
    Avoid,
    Avoided,
    Avoiding,
    Drain,
    Drained,
    DrainProgress,
    Forget,
    GetDrain,
    ListAvoided,
    Returned,
    Unavoid,
    Undrain,
    Undrained,
)
from podium.client.local.backend import Answers, Backend
from podium.client.local.forgetting import forget
from podium.client.local.pages import page
from podium.db import avoidances, drains, members, roster, subnets


def drain(backend: Backend, call: Drain) -> Drained:
    """Take a conductor out of service."""
    host = call.hostname

    def change(connection: sa.Connection) -> Drained:
        roster.require(connection, host)
        unserved = [roster.described(pair) for pair in drains.not_served_without(connection, host)]
        if unserved and not call.force:
            raise errors.Conflict(
                f"{host} is not drained: nobody else serves {', '.join(unserved)}; start a conductor that"
                " does, or use --force"
            )
        changed = drains.drain(connection, host)
        is_gone = not any(one.host == host for one in members.unended(connection))
        return Drained(changed=changed, gone=is_gone, unserved=unserved)

    def remarks(done: Drained) -> list[str]:
        found = []
        if done.unserved:
            found.append(f"warning: nobody else serves {', '.join(done.unserved)}, which stay with {host}")
        if done.gone:
            found.append(f"warning: {host} is gone; when it starts again, it stays out of service")
        return found

    return backend.write(call, change, remarks)


def get_drain(backend: Backend, call: GetDrain) -> DrainProgress:
    """Return the progress of a drain."""
    with backend.database.read() as connection:
        roster.require(connection, call.hostname)
        return DrainProgress(
            done=drains.is_handed_over(connection, call.hostname),
            nodes=drains.left(connection, call.hostname) if call.count else None,
        )


def undrain(backend: Backend, call: Undrain) -> Undrained:
    """Put a conductor back into service."""

    def change(connection: sa.Connection) -> Undrained:
        roster.require(connection, call.hostname)
        return Undrained(changed=drains.undrain(connection, call.hostname))

    return backend.write(call, change)


def avoid(backend: Backend, call: Avoid) -> Avoiding:
    """Take the nodes of a subnet from a conductor."""
    host, subnet = call.hostname, networks.network(call.subnet)
    with backend.database.read() as connection:
        roster.require(connection, host)
        its = subnets.within(connection, subnet, host)
    moved = avoidances.avoid(backend.database, host, subnet)

    def done(connection: sa.Connection) -> Avoiding:
        nobodys = subnets.unserved(connection)
        return Avoiding(
            subnet=str(subnet),
            changed=moved is not None,
            nodes=0 if moved is None else len(its - nobodys),
            left=0 if moved is None else len(its & nobodys),
            unserved=len(nobodys),
        )

    return backend.write(call, done, _unserved)


def _unserved(done: Avoiding) -> list[str]:
    if not done.unserved:
        return []
    return [
        f"warning: nodes of avoided subnets that no conductor may have: {done.unserved};"
        " see: podium node list --unserved"
    ]


def unavoid(backend: Backend, call: Unavoid) -> Returned:
    """Let a conductor have the nodes of a subnet again."""
    host, subnet = call.hostname, networks.network(call.subnet)
    with backend.database.read() as connection:
        roster.require(connection, host)
        its = subnets.within(connection, subnet)
    moved = avoidances.unavoid(backend.database, host, subnet)
    done = Returned(subnet=str(subnet), changed=moved is not None, nodes=len(its))
    return backend.write(call, lambda _: done)


def list_avoided(backend: Backend, call: ListAvoided) -> Page[Avoided]:
    """Return the subnets that conductors avoid."""
    with backend.database.read() as connection:
        found, counts = subnets.listed(connection), subnets.sizes(connection)
    shown = [
        Avoided(hostname=one.host, subnet=one.subnet, nodes=sum(counts.get(slot, 0) for slot in one.slots))
        for one in found
    ]
    return page(shown, lambda one: f"{one.hostname} {one.subnet}", call.limit, call.marker)


ANSWERS: Final[Answers] = {
    Drain: drain,
    GetDrain: get_drain,
    Undrain: undrain,
    Forget: forget,
    Avoid: avoid,
    Unavoid: unavoid,
    ListAvoided: list_avoided,
}
