"""What all requests for other credentials have in common.

Functions of an open connection, for which the caller has taken the number of its change.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors, states
from podium.db import at_work, bulk, clock, credential_changes, floor, sealed
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.claims import CLAIM, Claim, in_doubt, refusal
from podium.db.credential_changes import SENT
from podium.db.models import credential_changes as changes
from podium.db.models import nodes, operations
from podium.db.models import power_requests as requests
from podium.db.operations import HELD, WAITING
from podium.db.provision_states import ENROLL, NOT_CONDUCTED, VERIFYING

#: Why a deleted node is refused.
GONE: Final = "the node was deleted meanwhile"

#: The revision of the first Podium that supports requests for credentials.
_FIRST: Final = "0011"


class Asked(NamedTuple):
    """The answer to a request for other credentials of some nodes.

    :param operation_id: None when no node accepted it
    :param accepted: the numbers of the nodes that accepted it
    :param refused: one line for each of the others
    :param also: the names of accepted nodes that were not named but share an account with a named node
    :param held: how many of the accepted wait until the others have been tried
    :param already: the names of nodes that already have these credentials and get no request
    """

    operation_id: int | None
    accepted: list[int]
    refused: list[str]
    also: list[str]
    held: int
    already: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """An operation's request to one node.

    :param account: the account if several nodes share it; None for the node's own
    :param state: of the change, see podium.db.credential_changes
    """

    holder: "Holder"
    account: str | None
    on_bmc: bool
    state: str
    new: Mapping[str, Any] = field(repr=False)
    old: Mapping[str, Any] = field(repr=False)
    expire_at: datetime | None

    @property
    def node(self) -> Claim:
        """The node, without its credentials."""
        return self.holder.claim


class Holder(NamedTuple):
    """A node with its current credentials.

    :param info: its ``driver_info``, as far as it can be decrypted
    :param damaged: the entries that cannot be decrypted
    """

    claim: Claim
    driver: str
    group: str
    endpoint: str | None
    info: Mapping[str, Any]
    damaged: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Holder({self.claim!r})"


_LOOK: Final = (
    sa.select(*CLAIM, nodes.c.driver, nodes.c.conductor_group, nodes.c.endpoint, nodes.c.driver_info)
    .where(AMONG)
    .order_by(nodes.c.id)
    .with_for_update()
)


def look(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, Holder]:
    """Lock nodes, and return them by number; deleted ones are left out."""
    found: dict[int, Holder] = {}
    for chunk in chunks(sorted(set(numbers)), AT_ONCE):
        for row in connection.execute(_LOOK, {"numbers": chunk}):
            claim = Claim._make(row[: len(CLAIM)])
            driver, group, endpoint, info = row[len(CLAIM) :]
            damaged = sealed.faults({"driver_info": info})
            found[claim.id] = Holder(claim, driver, group, endpoint, sealed.partly(info), damaged)
    return found


def unable(node: Claim) -> str | None:
    """Why other credentials cannot be requested now; None if they can."""
    return busy(node) or (in_doubt(node) if node.credentials_in_doubt else None)


def busy(node: Claim) -> str | None:
    """Why nothing can be requested of a node now; None if it can."""
    if node.reservation is not None:
        return refusal(node)
    if node.power_request_id is not None:
        return (
            f"{node.name}: {node.target_power_state} was asked for by {node.power_requested_by or 'someone'}"
            " and has not begun; wait for it to end, or cancel it"
        )
    if node.provision_state == ENROLL:
        return f"{node.name}: {NOT_CONDUCTED}"
    if node.provision_state == VERIFYING:
        return f"{node.name}: the node is being verified; try again when that has ended"
    return None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operation requests of all of its nodes.

    :param canaries: how many accounts are tried before the others; None for all at once
    :param undoes: the operation that it undoes
    :param generated: whether Podium generated the passwords
    """

    who: str
    reason: str | None = None
    timeout: float | None = None
    canaries: int | None = None
    undoes: int | None = None
    generated: bool = False


def refusals(its: Sequence[Holder], faults: Sequence[str | None], asked: Collection[int]) -> dict[int, str]:
    """A line for each named node: its own fault, or that of a node with the same account."""
    first = next(fault for fault in faults if fault)
    return {
        node.claim.id: fault or f"{node.claim.name}: it has one account with {first}"
        for node, fault in zip(its, faults, strict=True)
        if node.claim.id in asked
    }


def open_operation(
    connection: sa.Connection,
    names: Mapping[int, str],
    shares: Sequence[Share],
    refused: Mapping[int, str],
    terms: Terms,
) -> Asked:
    """Write an operation for nodes, and return the result for the named ones.

    :param names: of the named nodes, by number
    :param refused: a line for each named node that is refused
    """
    _refuse_beside_older(connection)
    places = {number: place for place, number in enumerate(names)}
    first: dict[str | int, int] = {}  # the place of the first named node of each account
    for share in shares:
        key, place = share.account or share.node.id, places.get(share.node.id, len(places))
        first[key] = min(first.get(key, place), place)
    shares = sorted(shares, key=lambda share: (first[share.account or share.node.id], share.node.id))
    number, held = _write(connection, shares, terms)
    return Asked(
        number,
        [share.node.id for share in shares],
        [refused[one] for one in names if one in refused],
        [share.node.name for share in shares if share.node.id not in names],
        held,
    )


def _refuse_beside_older(connection: sa.Connection) -> None:
    """Refuse the request while a conductor runs that would take it for a power request.

    :raises podium.errors.NodeConflict: naming the hosts
    """
    if found := at_work.older(connection, _FIRST):
        raise errors.NodeConflict(
            f"an earlier Podium runs on {', '.join(found)}, which cannot change credentials; update it first"
        )


def _write(connection: sa.Connection, shares: Sequence[Share], terms: Terms) -> tuple[int | None, int]:
    """Write an operation, its requests and its changes; none without shares.

    :returns: its number, and how many of its requests are held
    """
    if not shares:
        return None, 0
    floor.raise_to(connection, _FIRST)
    version, now = next_change(connection), clock.now(connection)
    asked = {
        "action": states.CHANGE_CREDENTIALS,
        "requested_by": terms.who,
        "requested_at": now,
        "reason": terms.reason,
        "timeout": terms.timeout,
        "then_off": False,
    }
    values = {
        "nodes": len(shares),
        "change": version,
        "canaries": terms.canaries,
        "undoes": terms.undoes,
        "what": _what(shares[0], terms),
    }
    done = connection.execute(sa.insert(operations).values(**values, **asked))
    (number,) = done.inserted_primary_key or (0,)
    shares = _together(shares)
    tried = _tried(shares, terms.canaries)
    for first in range(0, len(shares), AT_ONCE):
        rows = [
            {
                **asked,
                "operation_id": number,
                "node_id": share.node.id,
                "node_uuid": share.node.uuid,
                "node_name": share.node.name,
                "state": WAITING if place < tried else HELD,
                "not_before": now,
            }
            for place, share in enumerate(shares[first : first + AT_ONCE], start=first)
        ]
        connection.execute(sa.insert(requests), rows)
    _write_changes(connection, number, shares)
    mine = requests.c.operation_id == number, requests.c.node_id == nodes.c.id
    target = {
        "target_power_state": states.CHANGE_CREDENTIALS,
        "power_request_id": sa.select(requests.c.id).where(*mine).scalar_subquery(),
        "power_requested_by": terms.who,
        "power_requested_at": now,
        "last_error": None,
        "updated_at": now,
        "version": version,
    }
    asked_of = [share.node.id for share in shares]
    bulk.execute(connection, sa.update(nodes).where(AMONG).values(target), asked_of)
    return number, len(shares) - tried


def _what(share: Share, terms: Terms) -> str:
    """The kind of change that an operation makes, for people; all its shares are alike."""
    if terms.undoes is not None:
        return f"undo of {terms.undoes}"
    if share.state == SENT:
        return "settle"
    where = "on the BMC" if share.on_bmc else "in Podium"
    return f"{where}, generated" if terms.generated else where


def _together(shares: Sequence[Share]) -> list[Share]:
    """The shares ordered so that those of one account are adjacent."""
    accounts: dict[str | int, list[Share]] = {}
    for share in shares:
        accounts.setdefault(share.account or share.node.id, []).append(share)
    return [share for its in accounts.values() for share in its]


def _tried(shares: Sequence[Share], canaries: int | None) -> int:
    """How many of the shares belong to the first accounts."""
    if not canaries:
        return len(shares)
    accounts: set[str | int] = set()
    for place, share in enumerate(shares):
        accounts.add(share.account or share.node.id)
        if len(accounts) > canaries:
            return place
    return len(shares)


def _write_changes(connection: sa.Connection, operation_id: int, shares: Sequence[Share]) -> None:
    its = sa.select(requests.c.node_id, requests.c.id).where(requests.c.operation_id == operation_id)
    numbers = {row.node_id: row.id for row in connection.execute(its)}
    refused = _refused(connection, shares)
    for chunk in chunks(shares, AT_ONCE):
        rows = [
            {
                "request_id": numbers[share.node.id],
                "operation_id": operation_id,
                "node_id": share.node.id,
                "node_uuid": share.node.uuid,
                "endpoint": share.account,
                "driver": share.holder.driver,
                "place": share.holder.endpoint,
                "on_bmc": share.on_bmc,
                "state": share.state,
                "new": dict(share.new),
                "old": dict(share.old),
                "expire_at": share.expire_at,
                "refused_logins": refused.get(share.account or share.node.id, (None, None))[0],
                "refused_at": refused.get(share.account or share.node.id, (None, None))[1],
            }
            for share in chunk
        ]
        connection.execute(sa.insert(changes), rows)


def _refused(connection: sa.Connection, shares: Sequence[Share]) -> dict[str | int, tuple[int, datetime]]:
    """By account, the logins that the BMC refused lately: the highest count among its nodes."""
    lately = credential_changes.lately_refused(connection, [share.node.id for share in shares])
    found: dict[str | int, tuple[int, datetime]] = {}
    for share in shares:
        if (its := lately.get(share.node.id)) is not None:
            key = share.account or share.node.id
            found[key] = max(its, found.get(key, its))
    return found
