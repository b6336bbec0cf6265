"""The answer about the state of the whole fleet, counted in one pass through the nodes."""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from podium import states
from podium.client.calls.status import (
    Changes,
    ConductorState,
    Enforcement,
    Finding,
    GetStatus,
    NodeCounts,
    Readings,
    Status,
)
from podium.client.local import fleet_findings, node_findings
from podium.client.local.backend import Answers, Backend
from podium.client.local.choosing import enforces_by_default
from podium.client.local.node_findings import Conditions
from podium.client.local.operations import shown
from podium.db import api, clock, enforcement, node_list, operations, roster, under_way
from podium.db.fleet_figures import FleetFigures, fleet_figures
from podium.db.models import nodes
from podium.db.node_conditions import to_be_enforced
from podium.db.roster import Roster

#: Maximum operations under way that are shown.
_MOST: Final = 5
#: The worst first.
_ORDER: Final = (
    *("no_conductor", "unserved", "conductor_silent", "reads_disabled", "enforcement_frozen"),
    *("password_unknown", "conductor_gone", "login_refused", "unreadable", "critical_health", "power_error"),
    *(
        "failing",
        "stale",
        "operation_failed",
        "task_failing",
        "notifications_failing",
        "reads_late",
        "out_of_reach",
    ),
    *("no_figures", "health_warning", "password_expired", "shortage"),
)
_POWER: Final = {
    "power_on": states.POWER_ON,
    "power_off": states.POWER_OFF,
    "power_error": states.ERROR,
}


def get_status(backend: Backend, _: GetStatus) -> Status:
    """Return the state of the whole fleet, all of it at one moment."""
    max_age = float(backend.config.conductor.power_state_max_age)
    with backend.database.snapshot() as connection:
        now = clock.now(connection)
        conditions = Conditions(backend, connection, now, max_age)
        counted = {**conditions.counted, **_states(backend)}
        figures = fleet_figures(connection, max_age, counted)
        healths = node_list.healths(connection)
        present = roster.roster(connection)
        standing = enforcement.standing(connection)
        found = [
            *node_findings.findings(connection, conditions, figures, healths),
            *fleet_findings.findings(backend, connection, present, standing, now),
        ]
        return Status(
            at=now,
            attention=_in_order(found),
            nodes=_node_counts(figures, healths, api.count_nodes(connection), present),
            readings=Readings(max_age=max_age, fresh_share=figures.fresh_share, oldest=figures.oldest),
            conductors=[
                ConductorState(hostname=one.hostname, state=one.state, nodes=one.nodes)
                for one in present.crews
            ],
            enforcement=Enforcement(frozen_at=standing.frozen_at, frozen_reason=standing.frozen_reason),
            changes=_changes(connection),
        )


def _states(backend: Backend) -> dict[str, sa.ColumnElement[bool]]:
    """Return the conditions of nodes that are well, or whose state is not known."""
    return {
        **{f"is_{name}": nodes.c.power_state == state for name, state in _POWER.items()},
        "changing": nodes.c.target_power_state.is_not(None),
        "to_be_restored": to_be_enforced(enforces_by_default(backend)),
    }


def _node_counts(
    figures: FleetFigures, healths: Mapping[tuple[str, bool], int], count: int, present: Roster
) -> NodeCounts:
    its = figures.further
    silent = sum(crew.nodes for crew in present.crews if crew.state == roster.SILENT)
    power = {name: its[f"is_{name}"] for name in _POWER}
    health = {
        f"health_{name}": healths.get((name, False), 0) + healths.get((name, True), 0)
        for name in states.HEALTHS
    }
    return NodeCounts(
        total=figures.nodes,
        enroll=count - figures.nodes,
        **power,
        power_unknown=figures.nodes - sum(power.values()),
        **health,
        health_unknown=figures.nodes - sum(health.values()),
        in_maintenance=figures.in_maintenance,
        unreadable=figures.unreadable,
        failing=figures.failing,
        never_read=figures.never_read,
        unserved=figures.unowned + silent,
        changing=its["changing"],
        to_be_restored=its["to_be_restored"],
    )


def _changes(connection: sa.Connection) -> Changes:
    its = under_way.under_way(connection)
    newest = operations.operations_of(connection, its.operations[:_MOST])
    newest.sort(key=lambda one: one.id, reverse=True)
    return Changes(
        operations=len(its.operations),
        waiting=its.waiting,
        begun=its.begun,
        newest=[shown(one) for one in newest],
    )


def _in_order(found: list[Finding]) -> list[Finding]:
    """Return findings with the worst first; those of a kind stay in their order."""
    unserved = any(one.kind == "no_conductor" for one in found)
    kept = [one for one in found if not (unserved and one.kind == "unserved")]  # already reported
    return sorted(kept, key=lambda one: _ORDER.index(one.kind))


ANSWERS: Final[Answers] = {GetStatus: get_status}
