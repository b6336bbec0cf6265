"""Whether nodes may be changed: who has reserved them, and for what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db.bulk import chunks
from podium.db.models import columns, nodes
from podium.db.worker import Worker


class Claim(NamedTuple):
    """Who has reserved a node that is to be changed, and for what."""

    id: int
    uuid: str
    name: str
    target_power_state: str | None
    power_request_id: int | None
    power_requested_by: str | None
    power_requested_at: datetime | None
    reservation: Worker | None
    reserved_for: str | None
    reserved_at: datetime | None
    provision_state: str
    disable_power_off: bool | None
    credentials_in_doubt: bool | None


#: For statements that select claims.
CLAIM: Final = columns(nodes, Claim._fields)


def lock(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, Claim]:
    """Lock nodes until the end of the transaction; return them by number.

    :raises podium.errors.NodeConflict: when a conductor has reserved one of them
    :raises podium.errors.NodeNotFound: when one of them was deleted
    """
    look = sa.select(*CLAIM).order_by(nodes.c.id).with_for_update()
    found: dict[int, Claim] = {}
    for chunk in chunks(sorted(numbers)):
        rows = map(Claim._make, connection.execute(look.where(nodes.c.id.in_(chunk))))
        found |= {node.id: node for node in rows}
    for node in found.values():
        if node.reservation is not None:
            raise errors.NodeConflict(refusal(node))
    if len(found) < len(numbers):
        raise errors.NodeNotFound("the node was deleted meanwhile")
    return found


def in_doubt(node: Claim) -> str:
    """Why a node with unknown credentials may only be used to settle them."""
    return (
        f"{node.name}: which password its BMC has is unknown since the last change; settle that first:"
        f" podium credential settle {node.name}"
    )


def refusal(node: Any) -> str:
    """Why a reserved node cannot be changed, in one line.

    :param node: with the attributes of a :class:`Claim`
    """
    if node.target_power_state is None:
        purpose = f" for {node.reserved_for}" if node.reserved_for else ""
        holder = f"{node.reservation}{purpose}{_since(node.reserved_at)}"
        return f"{node.name}: reserved by {holder}; try again later"
    return (
        f"{node.name}: {node.target_power_state} is under way, asked for by"
        f" {node.power_requested_by or 'someone'}{_since(node.power_requested_at)}; wait for it to end"
    )


def _since(moment: datetime | None) -> str:
    return f" since {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
