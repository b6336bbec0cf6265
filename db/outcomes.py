"""Records how power requests ended, for many nodes at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import states
from podium.causes import FAILED_REQUEST
from podium.db import bulk, canaries, clock, credential_changes
from podium.db.bulk import AMONG, AT_ONCE, Texts, among, chunks
from podium.db.changes import next_change
from podium.db.ledger import event
from podium.db.models import nodes, operations
from podium.db.models import power_events as events
from podium.db.models import power_requests as requests
from podium.db.operations import AT_FEED, BEGUN, DONE, FAILED, FREE, ITS_NODE, NOTHING_ASKED, note_progress
from podium.db.worker import Worker

#: The user that requests what enforcement restores, and the beginning of the reason.
ENFORCER: Final = "podium"
ENFORCED: Final = "enforced"
#: The cause of an event that changes credentials and not the power.
CREDENTIALS: Final = "credentials"
#: Offsets of a clock that differ by less than this many seconds count as the same.
_SAME_CLOCK: Final = 2.0
#: The most characters of an error or a result from any source: not every database has room for more.
_LONGEST: Final = 2000


class SetClock(NamedTuple):
    """A hardware clock that was set.

    :param offset: seconds by which it is ahead
    :param before: seconds by which it was ahead until then; None if that was not read
    """

    offset: float
    before: float | None

    @property
    def is_other(self) -> bool:
        """Whether it shows another time than before; clocks with whole seconds are never exact."""
        return self.before is None or abs(self.before - self.offset) >= _SAME_CLOCK


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    :param request_id: the request's number
    :param holder: the worker that has begun it
    :param state: the last state that was read; None if none was read
    :param error: why it failed, in one line; None if it is done
    :param log_request_id: the request id in the log lines
    :param credentials: the state of the credentials that it changes, see podium.db.credential_changes
    :param result: what else the hardware reported, in words
    :param clock: how the node's clock was set
    """

    node_id: int
    request_id: int
    holder: Worker
    at: datetime
    state: str | None
    error: str | None = None
    log_request_id: str | None = None
    credentials: str | None = None
    result: str | None = None
    clock: SetClock | None = None


class _End(NamedTuple):
    """What requests have in common whose ends are written by one statement."""

    done: bool
    action: str
    state: str | None
    changed: bool
    by_enforcer: bool


_UNDER_WAY: Final[sa.Select[Any]] = (
    sa.select(
        *(nodes.c[name] for name in ("id", "uuid", "name", "power_state", "reservation", "clock_offset")),
        requests.c.id.label("request_id"),
        *(requests.c[name] for name in ("operation_id", "action", "requested_by", "reason")),
        # A subquery, because a join would lock the operation.
        sa.select(operations.c.what)
        .where(operations.c.id == requests.c.operation_id)
        .scalar_subquery()
        .label("what"),
    )
    .join_from(requests, nodes, ITS_NODE)
    .where(among(requests.c.id), requests.c.state == BEGUN)
    .order_by(nodes.c.id)
    .with_for_update()
)
#: Actions that switch a machine off before they switch it on.
_BY_WAY_OF_OFF: Final = (states.REBOOTING, states.SOFT_REBOOTING, states.POWER_CYCLE)
_NODE_ERRORS: Final = Texts(nodes.c.last_error)
_REQUEST_ERRORS: Final = Texts(requests.c.error)
_RESULTS: Final = Texts(requests.c.result)


def finish(connection: sa.Connection, outcomes: Iterable[Outcome]) -> None:
    """Record how requests ended and free their nodes, except nodes that another holder has reserved."""
    by_request = {outcome.request_id: outcome for outcome in outcomes}
    for chunk in chunks(sorted(by_request), AT_ONCE):
        version = next_change(connection)
        alike: dict[_End, list[tuple[sa.Row[Any], Outcome]]] = {}
        happened = []
        settled: dict[int, str] = {}
        for row in connection.execute(_UNDER_WAY, {"numbers": chunk}):
            outcome = by_request[row.request_id]
            if row.reservation != outcome.holder:
                continue
            changed = outcome.state is not None and outcome.state != row.power_state
            by_enforcer = row.requested_by == ENFORCER
            end = _End(outcome.error is None, row.action, outcome.state, changed, by_enforcer)
            alike.setdefault(end, []).append((row, outcome))
            if outcome.credentials is not None:
                settled[row.request_id] = outcome.credentials
            elif changed or end.done:
                happened.append(_event(row, outcome, version))
            if outcome.error is not None:
                happened.append(_failure(row, outcome, version))
        for end, members in alike.items():
            _end(connection, end, members, version)
        if settled:
            happened += _settle(connection, settled, alike.values(), version)
        read = [(row, outcome) for members in alike.values() for row, outcome in members if outcome.state]
        if read:
            numbers, at = [row.id for row, _ in read], min(outcome.at for _, outcome in read)
            bulk.write_checked(connection, numbers, at)
        if happened:
            connection.execute(sa.insert(events), happened)
        its = [row.operation_id for members in alike.values() for row, _ in members]
        note_progress(connection, its, version)
        if settled:
            canaries.proceed(connection, its, version, clock.now(connection))


def _settle(
    connection: sa.Connection,
    settled: Mapping[int, str],
    ended: Iterable[Sequence[tuple[sa.Row[Any], Outcome]]],
    version: int,
) -> list[dict[str, Any]]:
    """Record the states of credentials; return the events for credentials that are now in force."""
    found = credential_changes.settle(connection, settled, version, clock.now(connection))
    return [
        event(
            row,
            CREDENTIALS,
            at=outcome.at,
            to_state=row.power_state,
            writer=outcome.holder,
            change=version,
            who=row.requested_by,
            reason="; ".join(filter(None, (_where(found[row.request_id].on_bmc), row.reason))),
            operation_id=row.operation_id,
            request_id=outcome.log_request_id,
        )
        for members in ended
        for row, outcome in members
        if settled.get(row.request_id) == credential_changes.IN_FORCE
    ]


def _where(on_bmc: bool) -> str:
    return "changed on the BMC" if on_bmc else "changed here, as the BMC had them"


def _end(
    connection: sa.Connection, end: _End, members: Sequence[tuple[sa.Row[Any], Outcome]], version: int
) -> None:
    # The oldest of their times, so that no displayed age is too small.
    at = min(outcome.at for _, outcome in members)
    values: dict[str, Any] = {**NOTHING_ASKED, **FREE, "version": version}
    # Lighting an LED, for example, neither sets nor clears a node's error, whether it succeeds or fails.
    is_beside = end.action in states.BESIDE_POWER
    if not is_beside:
        values["last_error"] = None
    if end.state is not None:
        values |= {"power_state": end.state, "power_failures": 0}
    if end.changed:
        values["power_changed_at"] = at
    is_left_alone = end.done and end.action == states.POWER_CYCLE and end.state == states.POWER_OFF
    if end.action in states.REACHED and not (end.by_enforcer and not end.done) and not is_left_alone:
        # A person's failed request may still take effect later; enforcement must not undo that.
        values["wanted_power_state"] = states.REACHED[end.action] if end.done else None
    freed = sa.update(nodes).where(AMONG).values(values)
    connection.execute(freed, {"numbers": [row.id for row, _ in members]})
    ended = sa.update(requests).where(among(requests.c.id))
    ended = ended.values(state=DONE if end.done else FAILED, power_state=end.state, finished_at=at)
    connection.execute(ended, {"numbers": [row.request_id for row, _ in members]})
    results = [
        (row.request_id, outcome.result[:_LONGEST]) for row, outcome in members if outcome.result is not None
    ]
    if results:
        _RESULTS.write(connection, results)
    for row, outcome in members:
        if outcome.clock is not None:
            _set_clock(connection, row, outcome.clock, outcome.at)
    if not end.done:
        errors = [(row, outcome.error and outcome.error[:_LONGEST]) for row, outcome in members]
        if not is_beside:
            _NODE_ERRORS.write(connection, [(row.id, error) for row, error in errors])
        _REQUEST_ERRORS.write(connection, [(row.request_id, error) for row, error in errors])


def _set_clock(connection: sa.Connection, row: sa.Row[Any], clock: SetClock, at: datetime) -> None:
    """Record that a node's clock is right, and the offset by which entries of its log are corrected."""
    values: dict[str, Any] = {"clock_offset": clock.offset, "clock_checked_at": at}
    known = clock if clock.before is not None else clock._replace(before=row.clock_offset)
    if known.is_other:
        values |= {"clock_set_at": at, "clock_offset_before": known.before}
    connection.execute(sa.update(nodes).where(nodes.c.id == row.id).values(values))


def cause_of(requested_by: str, reason: str | None) -> str:
    """The cause of an event that is the result of a request."""
    enforced = requested_by == ENFORCER and (reason or "").startswith(ENFORCED)
    return "enforced" if enforced else "request"


def _event(row: sa.Row[Any], outcome: Outcome, change: int) -> dict[str, Any]:
    state = outcome.state or row.power_state
    if outcome.error is not None and not _could_bring(row.action, state):
        # The request found this state but did not cause it.
        found = "first reading" if row.power_state is None else "out-of-band"
        return event(
            row,
            found,
            at=outcome.at,
            to_state=state,
            writer=outcome.holder,
            change=change,
            request_id=outcome.log_request_id,
        )
    return event(
        row,
        row.action if row.action in states.BESIDE_POWER else cause_of(row.requested_by, row.reason),
        at=outcome.at,
        to_state=state,
        writer=outcome.holder,
        change=change,
        who=row.requested_by,
        reason="; ".join(filter(None, (_what(row, (outcome.result or "")[:_LONGEST]), row.reason))) or None,
        operation_id=row.operation_id,
        request_id=outcome.log_request_id,
    )


def _failure(row: sa.Row[Any], outcome: Outcome, change: int) -> dict[str, Any]:
    state = outcome.state or row.power_state
    failed = event(
        row,
        FAILED_REQUEST,
        at=outcome.at,
        to_state=state,
        writer=outcome.holder,
        change=change,
        who=row.requested_by,
        reason="; ".join(filter(None, ((outcome.error or "")[:_LONGEST], row.reason))),
        operation_id=row.operation_id,
        request_id=outcome.log_request_id,
    )
    return failed | {"from_state": state}  # the change to this state is a separate event


def _what(row: sa.Row[Any], result: str) -> str | None:
    """What was requested besides the power, and the result, in words."""
    if row.action == states.DRIVER_ACTION:
        return ": ".join(filter(None, (row.what, result)))
    if row.action in states.BESIDE_POWER:
        return result or row.what
    if (row.what or "").startswith(AT_FEED):
        return ": ".join(filter(None, (row.what, result)))
    if row.what and row.action in states.REACHED:
        return result or f"boot device {row.what}"
    return None


def _could_bring(action: str, state: str | None) -> bool:
    return action in _BY_WAY_OF_OFF or states.REACHED.get(action) == state
