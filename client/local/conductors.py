"""Answers about conductors, their workers and their figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from podium.client.calls.call import Page
from podium.client.calls.conductors import (
    Conductor,
    ConductorFigures,
    Freshness,
    GetConductor,
    GetFreshness,
    ListConductors,
    ListMembers,
    Member,
    Thaw,
    Thawed,
)
from podium.client.local.backend import Answers, Backend
from podium.client.local.pages import page
from podium.conf import fingerprint as fingerprints
from podium.db import conductors, cross_checks, enforcement, notifications, roster
from podium.db.conductors import ConductorRecord, WorkerFigures
from podium.db.figures import Figures
from podium.db.fleet_figures import fleet_figures
from podium.db.member_figures import shortages
from podium.db.roster import Crew, Presence, Roster

#: Figures that have another name in the record than people see.
_NAMES: Final = {
    "power_state_max_age": "max_age",
    "power_state_ages": "ages",
    "power_state_age_buckets": "age_buckets",
    "power_reads": "drivers",
}
#: Figures of the nodes of a conductor that is gone, whatever it wrote last.
_OF_GONE: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("nodes", "failing", "in_maintenance", "unreadable", "never_read"), 0),
    **dict.fromkeys(("fresh_share", "power_state_ages", "power_state_age_buckets", "power_reads", "queues")),
}
#: Figures of the whole fleet that the database counts; the rest is added up.
_COUNTED: Final = (
    "nodes",
    "failing",
    "in_maintenance",
    "unreadable",
    "never_read",
    "fresh_share",
    "oldest",
    "unowned",
    "held_by_ended",
    "unread",
)
_OF_RECORD: Final = (
    "hostname",
    "conductor_group",
    "drivers",
    "workers",
    "started_at",
    "heartbeat_at",
    "frozen_at",
    "frozen_reason",
)


def _timeout(backend: Backend) -> float:
    return float(backend.config.conductor.heartbeat_timeout)


def list_conductors(backend: Backend, call: ListConductors) -> Page[Conductor]:
    """Return the daemons, with warnings about their problems."""
    with backend.database.read() as connection:
        known = {one.hostname: one for one in conductors.list_conductors(connection)}
        found = roster.roster(connection)
        wrong = [*cross_checks.out_of_reach(connection), *shortages(connection)]
    for warning in [*_unserved(found), *wrong] if call.marker is None else ():
        backend.warn(f"warning: {warning}")
    usual = fingerprints.usual(one.fingerprint for one in found.members)
    timeout = _timeout(backend)
    listed = [_listed(crew, known.get(crew.hostname), found, usual, timeout) for crew in found.crews]
    return page(listed, lambda one: one.hostname, call.limit, call.marker)


def _unserved(found: Roster) -> Iterable[str]:
    for pair, count in sorted(found.unserved.items()):
        yield f"nobody serves {roster.described(pair)}: {count}"
    for pair, count in sorted(found.avoided.items()):
        yield (
            f"nobody serves {count} of {roster.described(pair)}: all conductors avoid their subnet; see:"
            " podium conductor avoided"
        )


def _listed(
    crew: Crew, record: ConductorRecord | None, found: Roster, usual: str, timeout: float
) -> Conductor:
    shown: dict[str, Any] = {}
    if record is not None:
        shown = {name: getattr(record, name) for name in _OF_RECORD} | {"online": record.is_alive(timeout)}
    shown |= {
        "hostname": crew.hostname,
        "state": crew.state,
        "since": crew.gone_since or crew.draining_since,
        "nodes": crew.nodes,
        "lease_age": None if crew.lease_age is None else round(crew.lease_age, 1),
        "acknowledged": crew.acknowledged,
        "generation": None if crew.acknowledged is None else found.generation,
        "members": [str(one.name) for one in crew.members if one.ended_at is None],
    }
    if not crew.members:
        return Conductor(**shown)
    last = crew.members[-1]
    shown |= {
        "drivers": last.drivers,
        "conductor_group": last.conductor_groups[0],
        "conductor_groups": last.conductor_groups,
        "fallback_groups": last.fallback_groups,
        "version": ", ".join(sorted({one.version for one in crew.members})),
        "differs_in": sorted(
            {name for one in crew.members for name in fingerprints.differences(usual, one.fingerprint)}
        )
        if last.ended_at is None
        else [],
    }
    return Conductor(**shown)


def get_conductor(backend: Backend, call: GetConductor) -> ConductorFigures:
    """Return a conductor with the figures of its workers, and warnings about old figures."""
    with backend.database.read() as connection:
        roster.require(connection, call.hostname)
        found = conductors.find(connection, call.hostname)
        assert found is not None
        written = conductors.figures(connection, call.hostname)
        figures = _merged(connection, written, call.hostname)
    timeout, at = _timeout(backend), _oldest(written)
    if not found.online:
        of = "" if at is None else f"; the figures are of {at:%F %T} UTC"
        backend.warn(f"warning: {found.hostname} is gone and owns no nodes{of}")
        figures |= _OF_GONE
    elif at is not None and not found.is_alive(timeout):
        backend.warn(f"warning: {found.hostname} is offline; its figures are of {at:%F %T} UTC")
    elif at is not None and not _are_fresh(written, timeout):
        backend.warn(f"warning: {found.hostname} has written no new figures since {at:%F %T} UTC")
    its = {name: getattr(found, name) for name in _OF_RECORD}
    values = {**figures, **its, "online": found.is_alive(timeout), "statistics_at": at}
    return msgspec.convert(values, ConductorFigures)


def get_freshness(backend: Backend, _: GetFreshness) -> Freshness:
    """Return the figures of all online conductors as those of one, and those of all nodes."""
    timeout = _timeout(backend)
    with backend.database.read() as connection:
        roster.require(connection)
        online = [one for one in conductors.list_conductors(connection) if one.is_alive(timeout)]
        written = {one.hostname: conductors.figures(connection, one.hostname) for one in online}
        every = [one for its in written.values() for one in its]
        figures = _merged(connection, every)
        whole = asdict(fleet_figures(connection, backend.config.conductor.power_state_max_age))
    for host, its in written.items():
        if not _are_fresh(its, timeout):
            backend.warn(f"warning: {host} has written no new figures for {timeout:g} s")
    figures |= {name: whole[name] for name in _COUNTED}
    of_them = {
        "hostnames": [*written],
        "workers": sum(one.workers for one in online),
        "statistics_at": _oldest(every),
    }
    return msgspec.convert(figures | of_them, Freshness)


def _oldest(written: Iterable[WorkerFigures]) -> datetime | None:
    return min((one.updated_at for one in written), default=None)


def _are_fresh(written: Iterable[WorkerFigures], timeout: float) -> bool:
    return all(conductors.is_fresh(one.age, timeout) for one in written)


def _merged(
    connection: sa.Connection, written: Sequence[WorkerFigures], host: str | None = None
) -> dict[str, Any]:
    """Return the figures of workers as those of one, with the worker that delivers to each sink.

    :param host: of the workers; None for all
    """
    merged = asdict(Figures.merged([one.figures for one in written])) if written else {}
    figures = {**merged, **{name: merged.get(its) for name, its in _NAMES.items()}}
    unreached = cross_checks.out_of_reach(connection)
    figures["out_of_reach"] = [str(one) for one in unreached if host in (None, one.host)]
    deliverers = notifications.deliverers(connection)
    for sink, its in figures.get("notifications", {}).items():
        its["delivered_by"] = str(deliverers[sink]) if sink in deliverers else None
    return figures


def list_members(backend: Backend, call: ListMembers) -> Page[Member]:
    """Return the workers of conductors."""
    with backend.database.read() as connection:
        found = map(_member, roster.presences(connection))
        return page(found, lambda one: one.name, call.limit, call.marker)


def _member(found: Presence) -> Member:
    its = found.member
    return Member(
        name=str(its.name),
        hostname=its.host,
        leaving=its.leaves,
        lease_age=None if found.lease_age is None else round(found.lease_age, 1),
        ended_by=None if its.ended_by is None else str(its.ended_by),
        **{name: getattr(its, name) for name in _OF_MEMBER},
    )


_OF_MEMBER: Final = (
    "worker",
    "version",
    "drivers",
    "conductor_groups",
    "fallback_groups",
    "lease",
    "acknowledged",
    "started_at",
    "ended_at",
    "ended_why",
)


def thaw(backend: Backend, call: Thaw) -> Thawed:
    """Let all conductors enforce again."""
    return backend.write(call, lambda connection: Thawed(changed=enforcement.forgive(connection)))


ANSWERS: Final[Answers] = {
    ListConductors: list_conductors,
    GetConductor: get_conductor,
    GetFreshness: get_freshness,
    ListMembers: list_members,
    Thaw: thaw,
}
