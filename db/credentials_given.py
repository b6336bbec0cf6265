"""What it does to the credentials of nodes when people set their ``driver_info``.

Functions of an open connection.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium import errors, masking, states
from podium.db import bulk
from podium.db.bulk import among, chunks
from podium.db.claims import Claim
from podium.db.credential_changes import FAULT, KEPT, UNKNOWN, well_again
from podium.db.models import credential_changes as table
from podium.db.models import nodes
from podium.db.sealed import partly


def noted(
    connection: sa.Connection,
    changes: Mapping[int, Mapping[str, Any]],
    owners: Mapping[int, Claim],
    now: datetime,
    known: Mapping[int, Any],
) -> Mapping[int, Mapping[str, Any]]:
    """What is to be written to nodes, and with it when other secrets were given.

    :param changes: the new values, by the number of the node
    :param owners: the nodes, which are locked
    :param known: of these nodes those whose columns were read already
    :raises podium.errors.NodeConflict: when credentials of a node are to be changed anyway
    """
    for number, values in changes.items():
        if (text := refusal(owners[number], values)) is not None:
            raise errors.NodeConflict(text)
    given = [number for number, values in changes.items() if "driver_info" in values]
    query = sa.select(nodes.c.id, nodes.c.driver_info, nodes.c.fault, nodes.c.maintenance_reason)
    there = [known[number] for number in given if number in known]
    for chunk in chunks([number for number in given if number not in known]):
        there += connection.execute(query.where(nodes.c.id.in_(chunk)))
    added: dict[int, Mapping[str, Any]] = {}
    for row in there:
        if _secrets(partly(row.driver_info)) != _secrets(changes[row.id]["driver_info"]):
            more = {"credentials_changed_at": now, "credentials_expire_at": None}
            if row.fault == FAULT:
                more |= {**well_again(row.maintenance_reason), "last_error": None}
            added[row.id] = {**more, **changes[row.id]}
    if not added:
        return changes
    _settle(connection, list(added), now)
    return {**changes, **added}


def given_at(info: Mapping[str, Any] | None, now: datetime) -> datetime | None:
    """When a new node was given credentials; None if it was given none."""
    return now if _secrets(info or {}) else None


def _secrets(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if masking.is_secret(name)}


def refusal(claim: Any, values: Mapping[str, Any]) -> str | None:
    """Why it cannot be changed how, or by whom, a node is spoken to; None if it can.

    :param claim: the node, with what is asked of it
    :param values: the columns that change
    """
    if values.keys().isdisjoint(("driver", "driver_info", "conductor_group")):
        return None
    if claim.target_power_state != states.CHANGE_CREDENTIALS:
        return None
    return (
        f"{claim.name}: a change of its credentials is asked for by"
        f" {claim.power_requested_by or 'someone'}; wait for it to end, or cancel it: podium operation"
        " cancel"
    )


def _settle(connection: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that a person gave nodes other credentials: what was unknown is not asked for any more."""
    ended = sa.update(table).where(among(table.c.node_id), table.c.state == UNKNOWN)
    bulk.execute(connection, ended.values(state=KEPT, settled_at=now), numbers)
