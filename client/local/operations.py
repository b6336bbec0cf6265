"""Answers about operations."""

import functools
import operator
from collections.abc import Mapping, Sequence, Set
from typing import Any, Final

import sqlalchemy as sa

from podium import conf, errors, node_ranges, states
from podium.client import texts
from podium.client.calls.call import Nodes, Page, Where
from podium.client.calls.nodes import Filter
from podium.client.calls.operations import (
    Asked,
    AskPower,
    Cancelled,
    CancelOperation,
    GetOperation,
    GetProspects,
    Heartbeat,
    ListOperations,
    ListRequests,
    Operation,
    Owner,
    Prospects,
    Request,
)
from podium.client.enrolling.catalog import Catalog
from podium.client.local import at_feeds, given, unserved
from podium.client.local.backend import Answers, Backend
from podium.client.local.nodes import required_names
from podium.conf import conductor as conductor_options
from podium.db import api, cancelling, conductors, operations, power
from podium.db.api import NodeKey
from podium.db.conductors import ConductorRecord

_SOFT: Final = (states.SOFT_POWER_OFF, states.SOFT_REBOOTING)
#: Seconds after its own timeout when a request counts as forgotten: a restart of conductors takes less.
_GRACE: Final = 30.0


def ask_power(backend: Backend, call: AskPower) -> Asked:
    """Request an action for nodes: for all of them, or for those that are free.

    :raises podium.errors.BadRequest: for a request that makes no sense
    :raises podium.errors.NeedsConfirmation: for this many nodes
    :raises podium.errors.UnsupportedPowerState: for an action that a driver does not support
    """
    _check(call)
    return backend.write(call, lambda connection: _ask(backend, connection, call))


def _check(call: AskPower) -> None:
    if call.then_off and call.action not in _SOFT:
        raise errors.BadRequest(f"then_off goes with {' and '.join(_SOFT)}, not with {call.action}")
    given.check(call)
    texts.check_reason(call.reason)


def _ask(backend: Backend, connection: sa.Connection, call: AskPower) -> Asked:
    nodes = chosen(backend, connection, call.nodes, call.where)
    check_meant(nodes, call.uuids_xor)
    if given.is_at_feed(call):  # by other drivers than theirs
        at_feeds.check(nodes, confirmed=call.confirmed)
        asked, nodes = at_feeds.ask(connection, nodes, call, backend.catalog, backend.who)
    else:
        _check_supported(nodes, backend.catalog, call)
        if not call.confirmed:
            check_number(backend, len(nodes))
        asked = power.ask(
            connection,
            nodes,
            call.action,
            who=backend.who,
            reason=call.reason,
            timeout=call.timeout,
            then_off=call.then_off,
            stagger=call.stagger,
            arguments=given.arguments(call),
            what=given.words(call),
        )
    accepted = set(asked.accepted)
    timeout = float(backend.config.conductor.heartbeat_timeout)
    return Asked(
        operation=asked.operation_id,
        requested=len(accepted),
        replaced=asked.replaced,
        refused=asked.refused,
        warnings=unserved.warnings(connection, [one for one in nodes if one.id in accepted], timeout),
    )


def check_number(backend: Backend, count: int) -> None:
    """Check that nobody changes this many nodes by mistake.

    :raises podium.errors.NeedsConfirmation: there are more than the configuration allows
    """
    most = backend.config.conductor.confirm_above
    if count > most:
        raise errors.NeedsConfirmation(
            f"{count} nodes are more than [conductor] confirm_above = {most}, and need confirmed = true;"
            " nothing was requested",
            nodes=count,
            limit=most,
        )


def check_meant(nodes: Sequence[NodeKey], uuids_xor: str | None) -> None:
    """Check that names still belong to the nodes that somebody has looked at.

    :param uuids_xor: of these nodes; None if they have not been looked at
    :raises podium.errors.NodeConflict: they belong to other nodes
    """
    if uuids_xor is None:
        return
    found = functools.reduce(operator.xor, (int(node.uuid.replace("-", ""), 16) for node in nodes), 0)
    if found != int(uuids_xor, 16):
        raise errors.NodeConflict(
            "names have become those of other nodes than are meant; nothing was done: look at the nodes again"
        )


def chosen(
    backend: Backend, connection: sa.Connection, nodes: Nodes | None, where: Filter | Where | None
) -> list[NodeKey]:
    """Return the nodes that a call selects.

    :raises podium.errors.BadRequest: if it selects none
    """
    return api.find_keys(connection, required_names(backend, connection, nodes, where))


def _check_supported(nodes: Sequence[NodeKey], catalog: Catalog, call: AskPower) -> None:
    needed = {call.action, *([states.POWER_OFF] if call.then_off else [])}
    if call.boot is not None:
        needed.add(states.SET_BOOT_DEVICE)
    unable = []
    for driver in sorted({node.driver for node in nodes}):
        why = _unsupported(driver, catalog, call, needed)
        if why is not None:
            folded = node_ranges.fold(node.name for node in nodes if node.driver == driver)
            unable.append(f"{folded}: {why}")
    if unable:
        raise errors.UnsupportedPowerState("; ".join((*unable, "nothing was requested")))


def _unsupported(driver: str, catalog: Catalog, call: AskPower, needed: Set[str]) -> str | None:
    """Return why a driver does not support a request; None if it does, or that is not known."""
    able = catalog.actions(driver)
    if able is None:
        return None
    if call.own is not None:
        return given.unknown_own(call.own, driver, catalog.own_actions(driver))
    missing = needed - able
    if not missing:
        return None
    there = (
        "" if missing <= states.BESIDE_POWER else f", only {', '.join(sorted(able - states.BESIDE_POWER))}"
    )
    return f"the driver {driver} does not know {', '.join(sorted(missing))}{there}"


def list_operations(backend: Backend, call: ListOperations) -> Page[Operation]:
    """Return operations, the newest first; all of them if the call has no limit."""
    limit = None if call.limit is None else call.limit + 1
    with backend.database.read() as connection:
        found = operations.list_operations(connection, limit, _number(call.marker))
    return _page(list(map(shown, found)), call.limit)


def list_requests(backend: Backend, call: ListRequests) -> Page[Request]:
    """Return the requests of an operation; all of them if the call has no limit."""
    limit = None if call.limit is None else call.limit + 1
    with backend.database.read() as connection:
        find(connection, call.operation)
        found = operations.requests_of(
            connection, call.operation, states=call.state, limit=limit, after=_number(call.marker)
        )
    return _page(list(map(_request, found)), call.limit)


def _number(marker: str | None) -> int | None:
    return None if marker is None else int(marker)


def _page(items: list[Any], limit: int | None) -> Page[Any]:
    """Return a page of items, of which there is one more than the limit if there are more."""
    more = limit is not None and len(items) > limit
    return Page(items=items[:limit], next=str(items[limit - 1].id) if more and limit else None)


def shown(found: operations.Operation) -> Operation:
    """Return an operation in the form for clients."""
    counts = {state: found.counts.get(state, 0) for state in operations.STATES}
    values: dict[str, Any] = {**found._asdict(), **counts}
    del values["counts"]
    if found.action == states.CHANGE_CREDENTIALS:
        values["then_off"] = None
    return Operation(**values)


def _request(found: operations.PowerRequest) -> Request:
    return Request(
        id=found.id,
        node_uuid=found.node_uuid,
        node_name=found.node_name,
        action=found.action,
        state=found.state,  # type: ignore[arg-type]  # the column has no other
        not_before=found.not_before,
        holder=None if found.holder is None else str(found.holder),
        begun_at=found.begun_at,
        sent_at=found.sent_at,
        finished_at=found.finished_at,
        power_state=found.power_state,
        error=found.error,
        result=found.result,
    )


def find(connection: sa.Connection, number: int) -> operations.Operation:
    """Return one operation.

    :raises podium.errors.NotFound: if there is none with that number
    """
    found = operations.operation(connection, number)
    if found is None:
        raise errors.NotFound(f"there is no operation {number}; see: podium operation list")
    return found


def get_operation(backend: Backend, call: GetOperation) -> Operation:
    """Return an operation."""
    with backend.database.read() as connection:
        return shown(find(connection, call.operation))


def cancel_operation(backend: Backend, call: CancelOperation) -> Cancelled:
    """Cancel requests that no conductor has begun."""

    def cancel(connection: sa.Connection) -> Cancelled:
        find(connection, call.operation)
        done = cancelling.cancel(connection, call.operation, backend.who)
        return Cancelled(cancelled=done.cancelled, under_way=done.under_way, ended=done.ended)

    return backend.write(call, cancel)


def get_prospects(backend: Backend, call: GetProspects) -> Prospects:
    """Return what can be expected of an operation."""
    timeout = float(backend.config.conductor.heartbeat_timeout)
    with backend.database.read() as connection:
        found = find(connection, call.operation)
        stagger = operations.stagger_of(connection, call.operation)
        needed = operations.unfinished_owners(connection, call.operation)
        known = conductors.list_conductors(connection)
    return Prospects(
        patience=stagger + patience_for(backend.config, found.action, found.timeout, found.arguments),
        heartbeat_timeout=timeout,
        owners=[_owner(one, known) for one in needed],
        conductors=[
            Heartbeat(
                hostname=one.hostname,
                drivers=one.drivers,
                groups=one.groups,
                at=one.heartbeat_at,
                age=one.age,
                alive=one.is_alive(timeout),
            )
            for one in known
        ],
    )


def _owner(one: operations.Needed, known: Sequence[ConductorRecord]) -> Owner:
    # Requests that a conductor began before it was gone are taken over by any that serves the node.
    able = [
        other.hostname
        for other in known
        if other.hostname == one.host
        or (other.serves(one.driver, one.group) and other.hostname not in one.avoiding)
    ]
    return Owner(
        driver=one.driver,
        conductor_group=one.group,
        holder=one.host,
        avoiding=sorted(one.avoiding),
        able=able,
    )


def patience_for(
    config: conf.Config, action: str, timeout: float | None, arguments: Mapping[str, Any] | None = None
) -> float:
    """Return the seconds within which a part of an operation ends, if a conductor carries it out."""
    if action == states.CHANGE_CREDENTIALS:
        # Twice, to prove the old credentials and then the new ones, and a last login.
        limit = timeout or config.conductor.credentials_change_timeout
        return max(2.0 * limit, float(config.conductor.heartbeat_timeout)) + 2 * _GRACE
    hard = timeout or config.conductor.power_state_change_timeout
    soft = timeout or config.conductor.soft_power_off_timeout
    pauses = [seconds for _, seconds in conductor_options.power_on_limits(config).values()]
    # Twice, for changes that consist of halves, and once more for setting the boot device.
    if operations.is_at_feed(arguments):  # whatever happens, they are switched on
        hard = max(hard, config.conductor.power_state_change_timeout)
        on = max(3 * hard, 600.0)
        return float(2 * (hard + _GRACE) + hard + on + max(_GRACE, config.conductor.heartbeat_timeout))
    seconds = float(
        (2 if arguments is None else 3) * hard + (soft if action in _SOFT else 0) + max(pauses, default=0.0)
    )
    # Not earlier than the loss of a conductor is detected, which is the better explanation.
    return max(seconds, float(config.conductor.heartbeat_timeout)) + _GRACE


ANSWERS: Final[Answers] = {
    AskPower: ask_power,
    ListOperations: list_operations,
    GetOperation: get_operation,
    ListRequests: list_requests,
    CancelOperation: cancel_operation,
    GetProspects: get_prospects,
}
