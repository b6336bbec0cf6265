"""How the credentials of nodes are affected when people set their ``driver_info``.

Functions of an open connection.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, masking, node_ranges, states
from podium.db import bulk, sealed
from podium.db.bulk import among, chunks
from podium.db.claims import Claim, in_doubt
from podium.db.credential_changes import ASKED, GIVEN, REASON, SENT, UNKNOWN, entries, open_of, well_again
from podium.db.models import columns, nodes
from podium.db.models import credential_changes as table
from podium.db.models import power_requests as requests
from podium.db.sealed import partly

#: The columns that decide who accesses the hardware of a node, and how.
_SPOKEN_TO: Final = ("driver", "endpoint", "conductor_group")
_NODES: Final = sa.select(
    *columns(nodes, ("id", *_SPOKEN_TO, "driver_info", "fault", "maintenance_reason", "credentials_in_doubt"))
)
_PLACES: Final = sa.select(*columns(nodes, ("id", "name", "driver", "endpoint")))


def noted(
    connection: sa.Connection,
    changes: Mapping[int, Mapping[str, Any]],
    owners: Mapping[int, Claim],
    now: datetime,
    known: Mapping[int, Any],
    given: Collection[int],
) -> Mapping[int, Mapping[str, Any]]:
    """What to write to nodes, including the time at which other secrets were given.

    Unknown credentials stay unknown, whatever else is changed, until somebody gives the password.

    :param changes: the new values, by the number of the node
    :param owners: the nodes, which are locked
    :param known: those of the nodes whose columns have already been read
    :param given: the nodes whose password somebody gave
    :raises podium.errors.NodeConflict: if a change of a node's credentials is already requested, or if they
        are unknown and the node would be accessed in another way
    """
    for number, values in changes.items():
        its = {**values, "driver_info": None} if number in given else values
        if (text := refusal(owners[number], its)) is not None:
            raise errors.NodeConflict(text)
    doubtful = {number for number in changes if owners[number].credentials_in_doubt}
    unknown = open_of(connection, doubtful, UNKNOWN)
    affected = [number for number, its in changes.items() if "driver_info" in its or number in doubtful]
    rows = [known[number] for number in affected if number in known]
    for chunk in chunks([number for number in affected if number not in known]):
        rows += connection.execute(_NODES.where(nodes.c.id.in_(chunk)))
    found: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        values, is_given = changes[row.id], row.id in given
        before = partly(row.driver_info)
        more: dict[str, Any] = {}
        secrets = _secrets(connection, values.get("driver_info", before))
        if is_given or secrets != _secrets(connection, before):
            more |= {"credentials_changed_at": now, "credentials_expire_at": None}
        if row.id in doubtful:
            if is_given:
                more |= {**well_again(row), "last_error": None}
            else:
                login = partly(unknown[row.id].new) if row.id in unknown else ()  # none: it is being settled
                _stay(owners[row.id], row, values, login)
                values = _left_in_doubt(row, values)
        found[row.id] = {**more, **values}
    _end(connection, sorted(doubtful.intersection(given)), now)
    refuse_beside(connection, _come(connection, changes))
    return {**changes, **found}


def _come(connection: sa.Connection, changes: Mapping[int, Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """The names of nodes that get another driver or endpoint, by the new driver and endpoint."""
    found: dict[tuple[str, str], str] = {}
    for chunk in chunks([number for number, its in changes.items() if its.keys() & {"driver", "endpoint"}]):
        for row in connection.execute(_PLACES.where(nodes.c.id.in_(chunk))):
            its = changes[row.id]
            place = its.get("driver", row.driver), its.get("endpoint", row.endpoint)
            if place[1] is not None and place != (row.driver, row.endpoint):
                found[place] = row.name
    return found


def refuse_beside(connection: sa.Connection, wanted: Mapping[tuple[str, str], str]) -> None:
    """Refuse to add nodes to hardware whose credentials are being changed or are unknown.

    Such a node would have one of two passwords, and nobody knows which is right.

    :param wanted: the names of the nodes, by their driver and endpoint
    :raises podium.errors.NodeConflict: naming both nodes
    """
    its = sa.select(table.c.driver, table.c.place, requests.c.node_name)
    its = its.join_from(table, requests, requests.c.id == table.c.request_id)
    its = its.where(table.c.state.in_((ASKED, SENT, UNKNOWN)))
    for chunk in chunks(sorted({place for _, place in wanted})):
        for row in connection.execute(its.where(table.c.place.in_(chunk))):
            if (name := wanted.get((row.driver, row.place))) not in (None, row.node_name):
                raise errors.NodeConflict(
                    f"{name}: the password of its BMC is being changed, or is unknown, for {row.node_name};"
                    " wait for that to end, or settle it: podium credential settle"
                )


def refuse_loss(claims: Iterable[Claim]) -> None:
    """Refuse to delete nodes whose credentials are unknown.

    :raises podium.errors.NodeConflict: naming each of them and the remedy
    """
    if names := [claim.name for claim in claims if claim.credentials_in_doubt]:
        which = node_ranges.fold_for_log(names)
        raise errors.NodeConflict(
            f"{which}: which password its BMC has is unknown, and both would be lost; settle that first:"
            f" podium credential settle {which}, or use: podium node delete --force"
        )


def given_at(connection: sa.Connection, info: Mapping[str, Any] | None, now: datetime) -> datetime | None:
    """When a new node got credentials; None if it got none."""
    return now if _secrets(connection, info or {}) else None


def _secrets(connection: sa.Connection, info: Mapping[str, Any]) -> dict[str, Any]:
    declared = sealed.secret_names(connection.dialect)
    return {name: one for name, one in info.items() if name in declared or masking.is_secret(name)}


def refusal(claim: Any, values: Mapping[str, Any]) -> str | None:
    """Why the columns that decide who accesses a node, and how, cannot be changed; None if they can.

    :param claim: the node, with its pending request
    :param values: the columns that change
    """
    if values.keys().isdisjoint(("driver_info", *_SPOKEN_TO)):
        return None
    if claim.target_power_state != states.CHANGE_CREDENTIALS:
        return None
    return (
        f"{claim.name}: a change of its credentials is asked for by"
        f" {claim.power_requested_by or 'someone'}; wait for it to end, or cancel it: podium operation"
        " cancel"
    )


def _stay(claim: Claim, row: Any, values: Mapping[str, Any], login: Collection[str]) -> None:
    """Refuse to change how a node in doubt is accessed, and the credentials tried when it is settled.

    :param login: the entries of driver_info that are its credentials
    :raises podium.errors.NodeConflict: naming the node
    """
    is_same = all(values.get(name, getattr(row, name)) == getattr(row, name) for name in _SPOKEN_TO)
    before = partly(row.driver_info)
    if not (is_same and entries(values.get("driver_info", before), login) == entries(before, login)):
        raise errors.NodeConflict(f"{in_doubt(claim)}, or give the right password in the same step")


def _left_in_doubt(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is written to a node that stays in doubt when a person sets or ends its maintenance."""
    left = {name: value for name, value in values.items() if name != "fault"}
    if values.get("maintenance") and row.maintenance_reason == REASON:
        left.setdefault("maintenance_reason", None)
    return left


def _end(connection: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Record that a person gave the credentials of nodes: unknown changes are settled, but kept."""
    ended = sa.update(table).where(among(table.c.node_id), table.c.state == UNKNOWN)
    bulk.execute(connection, ended.values(state=GIVEN, settled_at=now), numbers)
