"""Every call."""

from typing import Any, Final

from podium.client.calls import (
    conductors,
    drivers,
    enrolment,
    events,
    fleet,
    node_changes,
    nodes,
    operations,
    tokens,
)
from podium.client.calls.call import Call

CALLS: Final[tuple[type[Call[Any]], ...]] = (
    fleet.GetFleet,
    conductors.ListConductors,
    conductors.GetConductor,
    conductors.GetFreshness,
    conductors.ListMembers,
    conductors.Thaw,
    nodes.ListNodes,
    nodes.GetNode,
    drivers.ListDrivers,
    drivers.GetDriver,
    node_changes.SetMaintenance,
    node_changes.SetNodes,
    node_changes.DeleteNodes,
    tokens.CreateToken,
    tokens.ListTokens,
    tokens.RevokeToken,
    operations.AskPower,
    operations.ListOperations,
    operations.GetOperation,
    operations.ListRequests,
    operations.CancelOperation,
    operations.GetProspects,
    enrolment.EnrolNodes,
    enrolment.ExportNodes,
    events.ListEvents,
    events.ListHistory,
    events.FollowEvents,
)
