"""Switching machines at their feeds: one operation of the feeds, for all of them or none."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, node_ranges, states
from podium.client.calls.operations import AskPower
from podium.client.enrolling.catalog import Catalog
from podium.client.local import given
from podium.db import api, power
from podium.db import feeds as statements
from podium.db.api import NodeKey
from podium.db.operations import AT_FEED

#: Maximum nodes of one request.
MOST: Final = 10
_NEEDED: Final = frozenset({states.POWER_OFF, states.POWER_ON})


def check(nodes: Sequence[NodeKey], *, confirmed: bool) -> None:
    """Check that somebody has looked at what loses its power.

    :raises podium.errors.BadRequest: there are too many nodes to look at
    :raises podium.errors.NeedsConfirmation: nobody confirmed it
    """
    if len(nodes) > MOST:
        raise errors.BadRequest(f"{len(nodes)} nodes are more than {MOST}; switch fewer at feeds")
    if not confirmed:
        raise errors.NeedsConfirmation(
            "power cycle at feeds cuts the power of all that they feed, and needs confirmed = true; nothing"
            " was requested",
            nodes=len(nodes),
        )


def ask(
    connection: sa.Connection, nodes: Sequence[NodeKey], call: AskPower, catalog: Catalog, who: str
) -> tuple[power.Asked, list[NodeKey]]:
    """Request that the feeds of nodes switch together; also return these feeds."""
    found = statements.look(connection, [node.id for node in nodes], levels=statements.LEVELS)
    refused = power.refused(connection, nodes, call.action)
    feeds: dict[str, NodeKey] = {}
    its_names: dict[str, list[str]] = {}
    for node in nodes:
        its = found.get(node.id, [])
        if why := statements.why_not_switched(its):
            refused.append(f"{node.name}: {why}")
            continue
        keys = api.find_keys(connection, [feed.uuid for feed in its if feed.uuid is not None])
        feeds |= {key.uuid: key for key in keys}
        its_names[node.name] = [key.name for key in keys]
    names = {node.name for node in nodes}
    fed = {other for its in found.values() for feed in its for other in feed.others}
    refused += _refused(connection, list(feeds.values()), fed, catalog)
    refused += [
        f"{name} would lose its power, too: {power.STAYS_ON}; set that to false first"
        for name in statements.stay_on(connection, fed - names)
    ]
    if refused:
        return power.Asked(None, [], refused, 0), []
    arguments: dict[str, Any] = {"at": call.at, "machines": [node.name for node in nodes]}
    asked = power.ask(
        connection,
        list(feeds.values()),
        call.action,
        who=who,
        reason=call.reason,
        timeout=call.timeout,
        arguments=arguments,
        what=given.cut(f"{AT_FEED}s of {node_ranges.fold(arguments['machines'])}"),
    )
    if asked.operation_id is not None:
        statements.note_switched(connection, its_names, asked.operation_id)
    return asked, list(feeds.values())


def _refused(
    connection: sa.Connection, feeds: Sequence[NodeKey], fed: set[str], catalog: Catalog
) -> list[str]:
    """Return a line for each feed that must not be switched.

    :param fed: the names of everything that loses its power with them
    """
    refused = [f"its feed {line}" for line in power.refused(connection, feeds, states.POWER_CYCLE)]
    in_maintenance = api.in_maintenance(connection, [feed.id for feed in feeds])
    for feed in feeds:
        if feed.id in in_maintenance:
            refused.append(f"its feed {feed.name}: it is in maintenance; somebody may work at it")
        elif feed.name in fed:
            refused.append(f"its feed {feed.name} would lose its own power, and could not be switched on")
        elif missing := _NEEDED - (catalog.actions(feed.driver) or _NEEDED):
            refused.append(
                f"its feed {feed.name}: the driver {feed.driver} does not know {', '.join(sorted(missing))}"
            )
    return refused
