"""Changes of credentials, in addition to the requests that carry them out; functions of an open connection.

Each such request has a row in ``credential_changes``, with one of these states:

    asked     nothing was sent to the hardware
    sent      the hardware may have the new or the old credentials
    in force  the node has the new ones
    kept      the node has the old ones
    unknown   neither was proved
    given     neither was proved, and then a person gave the node's credentials

From ``sent`` on it is unknown which of the two the hardware has, until a login proves one of them. Only such
a proof changes ``driver_info``, in the transaction that ends the request.

Nodes whose hardware shares an account are changed together: their rows have the same operation and
``endpoint``, and their requests begin and end in the same transactions.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock, retention
from podium.db.bulk import AT_ONCE, among, chunks
from podium.db.faults import POWER_FAILURE
from podium.db.models import columns, nodes
from podium.db.models import credential_changes as changes
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, CANCELLED, HELD, NOTHING_ASKED, WAITING, note_progress_of
from podium.db.sealed import Unreadable
from podium.wording import which

ASKED: Final = "asked"
SENT: Final = "sent"
IN_FORCE: Final = "in force"
KEPT: Final = "kept"
UNKNOWN: Final = "unknown"
GIVEN: Final = "given"

#: Seconds after a second refused login during which no other is tried. BMCs count over shorter periods, most
#: over minutes.
PAUSE: Final = 600.0

#: The ``fault`` of a node whose credentials are unknown, for people. ``credentials_in_doubt``, which
#: maintenance does not affect, prevents logins there, because hardware locks accounts.
FAULT: Final = "credentials unknown"
#: The reason of its maintenance, unless a person had already put it there for another reason.
REASON: Final = "which password its BMC has is unknown; see: podium credential settle"

_OF_CHANGES: Final = among(changes.c.request_id)
_OF_REQUESTS: Final = among(requests.c.id)


def _account(row: Any) -> tuple[int, str | int]:
    return row.operation_id, row.endpoint or row.request_id


class Change(NamedTuple):
    """The credentials of a request, see :data:`podium.db.models.credential_changes`."""

    request_id: int
    operation_id: int
    node_id: int
    endpoint: str | None
    on_bmc: bool
    state: str
    new: dict[str, Any]
    old: dict[str, Any]
    expire_at: datetime | None
    driver: str = ""
    place: str | None = None
    refused_logins: int | None = None
    refused_at: datetime | None = None

    @property
    def account(self) -> tuple[int, str | int]:
        """The account that it changes: requests for the same account begin and end together."""
        return _account(self)

    def __repr__(self) -> str:
        return which(self)


_CHANGES: Final = sa.select(*columns(changes, Change._fields)).where(_OF_CHANGES)


def of_requests(connection: sa.Connection, request_ids: Sequence[int]) -> dict[int, Change]:
    """The credentials of requests, by the request's number; power requests are left out."""
    return {
        row.request_id: Change._make(row)
        for chunk in chunks(sorted(request_ids), AT_ONCE)
        for row in connection.execute(_CHANGES, {"numbers": chunk})
    }


_OPEN: Final = (
    sa.select(*columns(changes, ("request_id", "operation_id", "endpoint")), requests.c.node_name)
    .join_from(changes, requests, requests.c.id == changes.c.request_id)
    .where(requests.c.state.in_((HELD, WAITING, BEGUN)))
)


def together(connection: sa.Connection, request_ids: Sequence[int]) -> list[list[int]]:
    """Groups of open requests that change the same account, in ascending order; only for credentials."""
    found: dict[tuple[int, str | int], set[int]] = {}
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        for row in connection.execute(_OPEN.where(_OF_CHANGES), {"numbers": chunk}):
            found.setdefault(_account(row), set()).add(row.request_id)
    for number, account, request in _with_account(connection, found):
        found[number, account].add(request)
    return sorted(map(sorted, found.values()))


def _with_account(
    connection: sa.Connection, accounts: Iterable[tuple[int, str | int]]
) -> Iterator[tuple[int, str, int]]:
    """The open requests of operations that change these accounts: operation, account and request of each."""
    shared: dict[int, list[str]] = {}
    for operation, account in accounts:
        if isinstance(account, str):
            shared.setdefault(operation, []).append(account)
    for operation, names in sorted(shared.items()):
        for some in chunks(sorted(names)):
            its = changes.c.operation_id == operation, changes.c.endpoint.in_(some)
            for row in connection.execute(_OPEN.where(*its)).all():
                yield operation, row.endpoint, row.request_id


def note_sent(connection: sa.Connection, request_ids: Sequence[int]) -> None:
    """Record that the hardware may have the new credentials from now on, for changes on the hardware."""
    asked = changes.c.on_bmc, changes.c.state == ASKED
    sent = sa.update(changes).where(_OF_CHANGES, *asked).values(state=SENT)
    connection.execute(sent, {"numbers": request_ids})


def note_refused(connection: sa.Connection, request_ids: Sequence[int], count: int) -> None:
    """Record for requests of one account how many logins in a row were refused, the last one now."""
    at = clock.now(connection) if count else None
    noted = sa.update(changes).where(_OF_CHANGES).values(refused_logins=count or None, refused_at=at)
    connection.execute(noted, {"numbers": request_ids})


def lately_refused(connection: sa.Connection, numbers: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """By node, refused logins of ended changes that a BMC may still count: how many, and when."""
    since = clock.later(clock.now(connection), -PAUSE)
    its = columns(changes, ("node_id", "refused_logins", "refused_at"))
    query = sa.select(*its).where(changes.c.refused_at > since).order_by(changes.c.request_id)
    return {
        row.node_id: (row.refused_logins, row.refused_at)
        for chunk in chunks(sorted(numbers))
        for row in connection.execute(query.where(changes.c.node_id.in_(chunk)))
    }


def let_go(connection: sa.Connection, request_ids: Sequence[int], now: datetime) -> None:
    """Record the state of the credentials for requests that ended before they began."""
    for state, now_is in ((ASKED, KEPT), (SENT, UNKNOWN)):  # one in SENT was to be settled
        ended = sa.update(changes).where(_OF_CHANGES, changes.c.state == state)
        for chunk in chunks(sorted(request_ids), AT_ONCE):
            connection.execute(ended.values(state=now_is, settled_at=now), {"numbers": chunk})


def cancel_replaced(
    connection: sa.Connection, request_ids: Sequence[int], version: int, now: datetime
) -> None:
    """Record that requests were replaced, and cancel the requests of nodes that share an account with one."""
    let_go(connection, request_ids, now)
    replaced: dict[tuple[int, str | int], str] = {}
    names = sa.select(changes.c.operation_id, changes.c.endpoint, requests.c.node_name)
    names = names.join_from(changes, requests, requests.c.id == changes.c.request_id)
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        shared = names.where(_OF_CHANGES, changes.c.endpoint.is_not(None))
        for row in connection.execute(shared, {"numbers": chunk}):
            replaced[row.operation_id, row.endpoint] = row.node_name
    for operation, account, request in _with_account(connection, replaced):
        name = replaced[operation, account]
        why = f"cancelled: {name}, which has the same BMC, was asked for something else"
        cancel(connection, [request], why, version, now)


def cancel(
    connection: sa.Connection, request_ids: Sequence[int], why: str, version: int, now: datetime
) -> None:
    """Cancel requests that have not begun."""
    ended = sa.update(requests).where(_OF_REQUESTS)
    ended = ended.values(state=CANCELLED, finished_at=now, error=why)
    its = nodes.c.power_request_id.in_(sa.bindparam("numbers", expanding=True, literal_execute=True))
    freed = sa.update(nodes).where(its).values(**NOTHING_ASKED, updated_at=now, version=version)
    for chunk in chunks(sorted(request_ids), AT_ONCE):
        connection.execute(freed, {"numbers": chunk})
        connection.execute(ended, {"numbers": chunk})
    let_go(connection, request_ids, now)
    note_progress_of(connection, request_ids, version)


_STANDING: Final = columns(nodes, ("credentials_in_doubt", "maintenance", "maintenance_reason", "fault"))
_NODES: Final = sa.select(nodes.c.id, nodes.c.driver_info, *_STANDING)


def settle(
    connection: sa.Connection, ended: Mapping[int, str], version: int, now: datetime
) -> dict[int, Change]:
    """Write the result of the credential changes of ending requests; the nodes are locked.

    :param ended: in force, kept or unknown, by the request's number
    :returns: the changes as they were before
    """
    found = of_requests(connection, list(ended))
    infos = {
        row.id: row
        for chunk in chunks(sorted(change.node_id for change in found.values()))
        for row in connection.execute(_NODES.where(nodes.c.id.in_(chunk)))
    }
    for number, change in found.items():
        state, row = ended[number], infos[change.node_id]
        values: dict[str, Any] = {"version": version}
        if state == IN_FORCE:
            values |= {
                "driver_info": with_entries(row.driver_info, change.new),
                "credentials_changed_at": now,
                "credentials_expire_at": change.expire_at,
                "updated_at": now,
            }
        elif state == KEPT and change.state == SENT and not isinstance(change.old, Unreadable):
            # A person may have set others since.
            values["driver_info"] = with_entries(row.driver_info, change.old)
        if state == UNKNOWN:
            values |= _in_doubt(row)
        elif row.credentials_in_doubt:
            values |= well_again(row)
        connection.execute(sa.update(nodes).where(nodes.c.id == change.node_id).values(values))
    for state in sorted(set(ended.values())):
        settled = sa.update(changes).where(_OF_CHANGES).values(state=state, settled_at=now)
        connection.execute(settled, {"numbers": [number for number in found if ended[number] == state]})
    return found


def _in_doubt(row: Any) -> dict[str, Any]:
    """What is written to a node whose credentials become unknown; maintenance set by others stays theirs."""
    values: dict[str, Any] = {"credentials_in_doubt": True}
    if row.fault in (None, POWER_FAILURE):
        values["fault"] = FAULT
    if not row.maintenance or row.fault == POWER_FAILURE:
        values |= {"maintenance": True, "maintenance_reason": REASON}
    return values


def well_again(row: Any) -> dict[str, Any]:
    """What is written to a node whose credentials were unknown; maintenance set by others stays theirs."""
    values: dict[str, Any] = {"credentials_in_doubt": False}
    if row.fault == FAULT:
        values["fault"] = None
        if row.maintenance_reason == REASON:
            values |= {"maintenance": False, "maintenance_reason": None}
    return values


def with_entries(info: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """A ``driver_info`` with these entries replaced; entries that are None are left out."""
    return {name: value for name, value in {**info, **entries}.items() if value is not None}


def entries(info: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Entries of a ``driver_info``; None for missing entries."""
    return {name: info.get(name) for name in names}


def open_of(connection: sa.Connection, numbers: Collection[int], *which: str) -> dict[int, Change]:
    """The newest change of each node among those in one of these states, by the node's number."""
    query = sa.select(*columns(changes, Change._fields)).where(changes.c.state.in_(which))
    query = query.order_by(changes.c.request_id)
    return {
        row.node_id: Change._make(row)
        for chunk in chunks(sorted(numbers))
        for row in connection.execute(query.where(changes.c.node_id.in_(chunk)))
    }


def in_doubt(connection: sa.Connection, numbers: Sequence[int]) -> list[str]:
    """The names of those of the given nodes whose credentials are unknown."""
    query = sa.select(nodes.c.name).where(nodes.c.credentials_in_doubt.is_(True)).order_by(nodes.c.name_key)
    return [
        name for chunk in chunks(numbers) for name in connection.scalars(query.where(nodes.c.id.in_(chunk)))
    ]


def forget(connection: sa.Connection, numbers: Sequence[int]) -> None:
    """Delete the changes of deleted nodes."""
    for chunk in chunks(numbers):
        connection.execute(sa.delete(changes).where(changes.c.node_id.in_(chunk)))


def prune(connection: sa.Connection, before: datetime) -> int:
    """Delete changes that were settled before a moment, with their credentials.

    Changes that are unknown or open stay.
    """
    old = retention.is_old(connection, changes.c.request_id, changes.c.settled_at, before)
    settled = changes.c.state.in_((IN_FORCE, KEPT, GIVEN))
    return connection.execute(sa.delete(changes).where(old, settled)).rowcount


def drivers(connection: sa.Connection, operation_id: int) -> list[str]:
    """The drivers that the nodes of an operation had when it was requested."""
    its = sa.select(changes.c.driver).distinct().where(changes.c.operation_id == operation_id)
    return sorted(connection.scalars(its))


def accounts(connection: sa.Connection, operation_id: int) -> int:
    """How many accounts an operation changes: nodes that share an account count once."""
    own = sa.func.count() - sa.func.count(changes.c.endpoint)
    shared = sa.func.count(changes.c.endpoint.distinct())
    return connection.scalar(sa.select(own + shared).where(changes.c.operation_id == operation_id)) or 0
