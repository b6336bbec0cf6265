"""The answer to EnrolNodes: all nodes are enrolled, or none."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.enrolment import Enrolled, EnrolNodes, ExportNodes, Null
from podium.client.enrolling import identities
from podium.client.enrolling.rows import lines
from podium.client.enrolling.scalars import Written
from podium.client.local import import_rows, unserved
from podium.client.local.backend import Answers, Backend, some_of
from podium.client.local.export import export_nodes
from podium.client.local.import_rows import Row
from podium.db import api, belongings, machines
from podium.wording import MOST_FAULTS


def enrol_nodes(backend: Backend, call: EnrolNodes) -> Enrolled:
    """Enrol nodes with their ports and chassis."""
    given = with_words(call.nodes, call.nulls)
    checked = check_rows("node", "s", given, lambda place, one: import_rows.node(place, one, backend.catalog))
    places = check_rows("chassis", "", call.chassis, import_rows.chassis)
    warnings: list[str] = []
    alone: list[str] = []

    def work(connection: sa.Connection) -> Enrolled:
        nodes, chassis = _copies(checked), _copies(places)  # it may be tried several times
        import_rows.compare(connection, nodes, chassis, keep=call.keep)
        faults = lines("chassis", "", call.chassis, ((row.place, row.faults) for row in chassis))
        faults += lines("node", "s", given, ((row.place, row.faults) for row in nodes))
        if faults:
            raise errors.InvalidNode(faults)
        belongings.create_chassis(connection, [row.columns for row in chassis if not row.is_there])
        new = [row for row in nodes if not row.is_there]
        uuids, shared = _create(connection, new, call.force)
        warnings[:] = identities.warnings(shared)
        if not call.keep:
            keys = api.find_keys(connection, uuids)
            alone[:] = unserved.warnings(connection, keys, backend.config.conductor.heartbeat_timeout)
        return Enrolled(enrolled=len(new), unchanged=len(nodes) - len(new))

    return backend.write(call, work, lambda _: [*some_of(warnings), *alone])


def check_rows(noun: str, plural: str, given: Sequence[Any], check: Callable[[int, Any], Row]) -> list[Row]:
    """Return the rows of a list.

    :raises podium.errors.InvalidNode: there are too many different faults
    """
    rows: list[Row] = []
    different: set[str] = set()
    for place, one in enumerate(given, 1):
        rows.append(check(place, one))
        different.update(rows[-1].faults)
        if len(different) > MOST_FAULTS:
            faults = lines(noun, plural, given, ((row.place, row.faults) for row in rows))
            unseen = f"what comes after {noun} {place} was not looked at"
            raise errors.InvalidNode([unseen, *faults[:MOST_FAULTS]])
    return rows


def with_words(nodes: Sequence[Any], nulls: Sequence[Null]) -> list[Any]:
    """Return nodes with the words for null that their file has."""
    found = list(nodes)
    for null in nulls:
        row = found[null.node - 1] if null.node <= len(found) else None
        if not isinstance(row, dict):
            continue
        word = Written(null.word, None)
        if null.key is None and row.get(null.field, word) is None:
            found[null.node - 1] = {**row, null.field: word}
        elif isinstance(info := row.get(null.field), dict) and info.get(null.key, word) is None:
            found[null.node - 1] = {**row, null.field: {**info, null.key: word}}
    return found


def _copies(rows: Sequence[Row]) -> list[Row]:
    return [replace(row, faults=[*row.faults]) for row in rows]


def _create(
    connection: sa.Connection, rows: Sequence[Row], force: bool
) -> tuple[list[str], list[machines.Shared]]:
    """Write nodes with their ports; return their UUIDs, and those that are machines of other nodes."""
    if not rows:
        return [], []
    uuids = api.create_nodes(connection, [row.columns for row in rows])
    belongings.create_ports(
        connection,
        {own: [with_uuid(port) for port in row.ports] for own, row in zip(uuids, rows, strict=True)},
    )
    shared = machines.shared(connection)
    if not force:
        identities.refuse(shared, {row.columns["name"]: row.place for row in rows})
    return uuids, shared


def with_uuid(port: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a new port."""
    return {**port, "uuid": port["uuid"] or str(uuid.uuid4())}


ANSWERS: Final[Answers] = {EnrolNodes: enrol_nodes, ExportNodes: export_nodes}
