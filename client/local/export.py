"""The answer to ExportNodes: nodes and chassis in the form in which they can be enrolled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, masking
from podium.client.calls.call import Page
from podium.client.calls.enrolment import Exported, ExportNodes
from podium.client.enrolling import portable
from podium.client.enrolling.catalog import Catalog
from podium.client.local.backend import Backend
from podium.client.local.nodes import chosen_names
from podium.db import belongings, name_keys, node_list
from podium.db.bulk import chunks
from podium.db.sealed import Unreadable, faults, readable

_AT_ONCE: Final = 1000
#: The beginnings of markers; the place of the last node, or the UUID of the last chassis, follows.
_NODE, _CHASSIS = "node:", "chassis:"


def export_nodes(backend: Backend, call: ExportNodes) -> Page[Exported]:
    """Return the next nodes, or the chassis after the last node; all of them if the call has no limit."""
    if call.limit is None and call.marker is None:
        return Page(items=[*every(backend, call)])
    marker = call.marker or _NODE
    if not marker.startswith((_NODE, _CHASSIS)):
        raise errors.BadRequest("the marker is not next of another page")
    items: list[Exported] = []
    with backend.database.snapshot() as connection:
        wanted = chosen_names(backend, connection, call.nodes, call.where)
        if marker.startswith(_NODE):
            after = marker.removeprefix(_NODE) or None
            found = node_list.select_nodes(
                connection, ["uuid", "name"], wanted=wanted, limit=_more(call.limit), after=after
            )
            shown = found[: call.limit]
            items = [*_nodes(connection, [row["uuid"] for row in shown], backend.catalog)]
            if len(found) > len(shown):
                last: str = shown[-1]["name"]
                place = name_keys.place(connection, last) if wanted is None else last
                return Page(items=items, next=f"{_NODE}{place}")
            marker = _CHASSIS
        places = _chassis(connection, wanted, marker.removeprefix(_CHASSIS))
    left = None if call.limit is None else call.limit - len(items)
    shown_places = places[:left]
    items += [_exported(place) for place in shown_places]
    last = shown_places[-1]["uuid"] if shown_places else marker.removeprefix(_CHASSIS)
    return Page(items=items, next=f"{_CHASSIS}{last}" if len(places) > len(shown_places) else None)


def every(backend: Backend, call: ExportNodes) -> Iterator[Exported]:
    """Yield everything as it was at one moment, with little of it in memory."""
    with backend.database.snapshot() as connection:
        wanted = chosen_names(backend, connection, call.nodes, call.where)
        yield from _nodes(connection, uuids(connection, wanted), backend.catalog)
        yield from map(_exported, _chassis(connection, wanted))


def uuids(connection: sa.Connection, wanted: Sequence[str] | None) -> list[str]:
    """Return the UUIDs of the nodes to export: all for None.

    :raises podium.errors.NodeNotFound: naming every wanted node that does not exist
    """
    return [row["uuid"] for row in node_list.select_nodes(connection, ["uuid"], wanted=wanted)]


def _nodes(connection: sa.Connection, uuids: Sequence[str], catalog: Catalog) -> Iterator[Exported]:
    for some in chunks(uuids, _AT_ONCE):
        for node in nodes(connection, some, catalog):
            yield Exported(node=node)


def nodes(
    connection: sa.Connection,
    some: Sequence[str],
    catalog: Catalog | None,
    damaged: Callable[[str], object] = lambda fault: None,
) -> list[dict[str, Any]]:
    """Return nodes with their ports.

    :param catalog: masks the secrets; None to keep them
    :param damaged: called with each secret that cannot be decrypted, which is then masked
    """
    rows = node_list.select_nodes(connection, portable.COLUMNS, wanted=some, sealed=catalog is not None)
    ports = belongings.read_ports(connection, some)
    if catalog is None:
        rows = [_without_damaged(row, damaged) for row in rows]
        ports = {node: [_without_damaged(port, damaged) for port in its] for node, its in ports.items()}
    if catalog is not None:
        rows = [readable(connection.dialect, catalog.masked(row)) for row in rows]
        ports = {node: [masking.mask(port) for port in its] for node, its in ports.items()}
    return [portable.of_node(row, ports.get(row["uuid"], ())) for row in rows]


def _without_damaged(row: Mapping[str, Any], damaged: Callable[[str], object]) -> dict[str, Any]:
    """Return a row with a mask in place of each secret that cannot be decrypted."""
    for fault in faults(row):
        damaged(f"{row.get('name') or row.get('uuid') or row.get('address')}: {fault}")
    return {
        name: {**its.partly, **dict.fromkeys(its.damaged, masking.MASK)}
        if isinstance(its, Unreadable)
        else its
        for name, its in row.items()
    }


def chassis(connection: sa.Connection, wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the chassis in which these nodes are, with their secrets; all for None."""
    if wanted is None:
        return [portable.of_chassis(place) for place in belongings.read_chassis(connection)]
    rows = node_list.select_nodes(connection, ["chassis_uuid"], wanted=wanted)
    its = {row["chassis_uuid"] for row in rows if row["chassis_uuid"]}
    return [portable.of_chassis(place) for place in belongings.read_chassis(connection, sorted(its))]


def _chassis(
    connection: sa.Connection, wanted: Sequence[str] | None, after: str = ""
) -> list[dict[str, Any]]:
    found = chassis(connection, wanted)
    if not after:
        return found
    places = [place["uuid"] for place in found]
    if after not in places:
        raise errors.BadRequest(
            "the marker is not next of another page: its chassis is not there; begin again"
        )
    return found[places.index(after) + 1 :]


def _exported(place: dict[str, Any]) -> Exported:
    return Exported(chassis=masking.mask(place))


def _more(limit: int | None) -> int | None:
    return None if limit is None else limit + 1
