"""Power requests, as people and enforcement make them; functions of an open connection.

A request waits, is begun by one conductor (podium.db.beginning), and is done or has failed; or it is
cancelled, or replaced by a newer one, before it has begun. The columns of its node's row
(``target_power_state``, ``power_request_id``, ``reservation``) change in the same transaction. A transaction
that changes any of this takes the next number of podium.db.changes first, and so waits for all others that
do: of two that want the same node exactly one wins.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import sqlalchemy as sa

from podium import errors, states
from podium.db import at_work, bulk, canaries, clock, credential_changes, floor
from podium.db.bulk import AMONG, AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.claims import CLAIM, Claim, in_doubt, refusal
from podium.db.models import nodes, operations
from podium.db.models import power_requests as requests
from podium.db.operations import REPLACED, WAITING, note_progress_of, operations_of_requests
from podium.db.provision_states import ENROLL, NOT_CONDUCTED, VERIFYING

_OF_REQUESTS: Final = among(requests.c.id)
#: Actions that take away the power of a machine. A reboot is a reset.
TAKES_POWER: Final = frozenset({states.POWER_OFF, states.SOFT_POWER_OFF, states.POWER_CYCLE})
#: Actions that set a state of the hardware, so that a later request replaces an earlier one that waits.
_CHOICES: Final = frozenset({states.SET_BOOT_DEVICE, states.IDENTIFY, states.SET_CLOCK})
#: The revision of the first Podium that knows actions other than for the power, and the boot device of a
#: restart.
_MORE_THAN_POWER: Final = "0012"
#: Why a node is not switched off.
STAYS_ON: Final = "its disable_power_off is true, so that it is never switched off"


class Named(Protocol):
    """Any record with the number and the name of a node."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


class Asked(NamedTuple):
    """The answer to a request for a power change of some nodes.

    :param operation_id: None when no node accepted it
    :param accepted: the numbers of the nodes that accepted it, in the order given
    :param refused: one line for each of the others
    :param replaced: how many of them had an older request that had not begun and is replaced by this one
    """

    operation_id: int | None
    accepted: list[int]
    refused: list[str]
    replaced: int


def ask(
    connection: sa.Connection,
    wanted: Sequence[Named],
    action: str,
    *,
    who: str,
    reason: str | None = None,
    timeout: float | None = None,
    then_off: bool = False,
    stagger: tuple[int, float] | None = None,
    arguments: Mapping[str, Any] | None = None,
    what: str | None = None,
) -> Asked:
    """Request a power change of nodes, as one operation; the conductors that own the nodes carry it out.

    An action that leaves the power alone replaces only an earlier choice of the same kind: a node for which
    anything else waits refuses it. An earlier Podium would carry out such a request as if it had no
    arguments, and so refuses the database from the first such request on.

    :param wanted: the nodes
    :param action: one of ``podium.states.ACTIONS``; actions that take away the power are refused by nodes
        with ``disable_power_off``
    :param who: user and host of the requester
    :param timeout: seconds that each node may take; None for the conductor's configuration
    :param then_off: whether a soft power off without effect is followed by a hard one
    :param stagger: begin at most so many within so many seconds; written as times after ``requested_at``, so
        that conductors can measure them by a clock that nobody sets
    :param arguments: of the action, see podium.client.calls.operations
    :param what: the same in at most 64 characters
    :raises podium.errors.NodeConflict: conductors of an earlier Podium would ignore the arguments
    """
    version, now = next_change(connection), clock.now(connection)
    is_new = arguments is not None or action in states.BESIDE_POWER
    if is_new:  # not before, so that no conductor enters meanwhile
        _refuse_beside_older(connection, action)
    accepted, refused, older = _sorted_out(connection, wanted, action)
    if not accepted:
        return Asked(None, [], refused, 0)
    if is_new:
        floor.raise_to(connection, _MORE_THAN_POWER)
    asked = {"action": action, "requested_by": who, "requested_at": now, "reason": reason}
    asked |= {"timeout": timeout, "then_off": then_off}
    values = {"nodes": len(accepted), "change": version, "arguments": arguments, "what": what, **asked}
    done = connection.execute(sa.insert(operations).values(values))
    (operation_id,) = done.inserted_primary_key or (0,)
    _insert(connection, accepted, stagger or (len(accepted), 0.0), {"operation_id": operation_id, **asked})
    replaced = sa.update(requests).where(_OF_REQUESTS).values(state=REPLACED, finished_at=now)
    bulk.execute(connection, replaced, older)
    note_progress_of(connection, older, version)
    _end_changes(connection, accepted, version, now)
    numbers = [node.id for node in accepted]
    mine = requests.c.operation_id == operation_id, requests.c.node_id == nodes.c.id
    values = {
        "target_power_state": action,
        "power_request_id": sa.select(requests.c.id).where(*mine).scalar_subquery(),
        "power_requested_by": who,
        "power_requested_at": now,
        **({} if action in states.BESIDE_POWER else {"last_error": None}),
        "updated_at": now,
        "version": version,
    }
    bulk.execute(connection, sa.update(nodes).where(AMONG).values(values), numbers)
    return Asked(operation_id, numbers, refused, len(older))


def refused(connection: sa.Connection, wanted: Sequence[Named], action: str) -> list[str]:
    """Return a line for each node that would refuse this action now."""
    next_change(connection)
    return _sorted_out(connection, wanted, action)[1]


def _refuse_beside_older(connection: sa.Connection, action: str) -> None:
    if found := at_work.older(connection, _MORE_THAN_POWER):
        raise errors.NodeConflict(
            f"an earlier Podium runs on {', '.join(found)}, which cannot carry out {action} as it is asked"
            " for; update it first"
        )


def _end_changes(connection: sa.Connection, accepted: Sequence[Claim], version: int, now: datetime) -> None:
    """End the waiting changes of credentials that were replaced, and the requests that depend on them."""
    ended = [
        node.power_request_id
        for node in accepted
        if node.power_request_id is not None and node.target_power_state == states.CHANGE_CREDENTIALS
    ]
    if ended:
        credential_changes.cancel_replaced(connection, ended, version, now)
        canaries.proceed(connection, operations_of_requests(connection, ended), version, now)


def _insert(
    connection: sa.Connection,
    accepted: Sequence[Claim],
    stagger: tuple[int, float],
    asked: Mapping[str, Any],
) -> None:
    at_once, pause = stagger
    for first in range(0, len(accepted), AT_ONCE):
        values = [
            {
                **asked,
                "node_id": node.id,
                "node_uuid": node.uuid,
                "node_name": node.name,
                "state": WAITING,
                "not_before": clock.later(asked["requested_at"], place // at_once * pause),
            }
            for place, node in enumerate(accepted[first : first + AT_ONCE], start=first)
        ]
        connection.execute(sa.insert(requests), values)


_LOOK: Final = sa.select(*CLAIM).where(AMONG).order_by(nodes.c.id).with_for_update()


def _sorted_out(
    connection: sa.Connection, wanted: Sequence[Named], action: str
) -> tuple[list[Claim], list[str], list[int]]:
    """The accepted nodes, why the others are refused, and the requests that would be replaced."""
    found: dict[int, Claim] = {}
    for chunk in chunks(sorted({one.id for one in wanted}), AT_ONCE):
        rows = connection.execute(_LOOK, {"numbers": chunk})
        found |= {claim.id: claim for claim in map(Claim._make, rows)}
    accepted, refused, older, waiting = [], [], [], []
    for name, node in ((one.name, found.get(one.id)) for one in wanted):
        if node is None:
            refused.append(f"{name}: the node was deleted meanwhile")
        elif node.reservation is not None:
            refused.append(refusal(node))
        elif node.provision_state == ENROLL:
            refused.append(f"{name}: {NOT_CONDUCTED}")
        elif node.provision_state == VERIFYING:
            refused.append(f"{name}: the node is being verified; try again when that has ended")
        elif node.credentials_in_doubt:
            refused.append(in_doubt(node))
        elif node.disable_power_off and action in TAKES_POWER:
            refused.append(f"{name}: {STAYS_ON}; set that to false first")
        elif action in states.BESIDE_POWER and _waits_for_other(node, action):
            waiting.append(node)
        else:
            accepted.append(node)
            if node.power_request_id is not None:
                older.append(node.power_request_id)
    return accepted, [*refused, *_waiting(connection, waiting)], older


def _waits_for_other(node: Claim, action: str) -> bool:
    """Whether a node's waiting request must not be replaced by an action that leaves the power alone."""
    if node.power_request_id is None:
        return False
    return node.target_power_state != action or action not in _CHOICES


def _waiting(connection: sa.Connection, claims: Sequence[Claim]) -> list[str]:
    """Why these nodes refuse an action that leaves the power alone."""
    numbers = [node.power_request_id for node in claims if node.power_request_id is not None]
    operation = requests.c.id, requests.c.operation_id
    its: dict[int | None, int] = {}
    for chunk in chunks(numbers):
        rows = connection.execute(sa.select(*operation).where(requests.c.id.in_(chunk)))
        its |= {row.id: row.operation_id for row in rows}
    return [
        f"{node.name}: {node.target_power_state} waits (operation {number}); cancel it, or ask again when it"
        f" has ended: podium operation wait {number}"
        for node in claims
        for number in [its.get(node.power_request_id)]
    ]
