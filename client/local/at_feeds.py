"""Which nodes can be switched at their feeds, and why the others cannot."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors, states
from podium.client.enrolling.catalog import Catalog
from podium.db import api, power
from podium.db import feeds as statements
from podium.db.api import NodeKey

#: Nodes of one request.
MOST: Final = 10
_NEEDED: Final = frozenset({states.POWER_OFF, states.POWER_ON})


def check(nodes: Sequence[NodeKey], *, confirmed: bool) -> None:
    """Make sure that somebody has looked at what loses its power.

    :raises podium.errors.BadRequest: there are too many nodes to look at
    :raises podium.errors.NeedsConfirmation: nobody says so
    """
    if len(nodes) > MOST:
        raise errors.BadRequest(f"{len(nodes)} nodes are more than {MOST}; switch fewer at feeds")
    if not confirmed:
        raise errors.NeedsConfirmation(
            "power cycle at feeds cuts the power of all that they feed, and needs confirmed = true; nothing"
            " was requested",
            nodes=len(nodes),
        )


def sorted_out(
    connection: sa.Connection, nodes: Sequence[NodeKey], catalog: Catalog
) -> tuple[list[NodeKey], list[NodeKey], list[str]]:
    """Return the nodes that can be switched, their feeds, and a line for each of the others."""
    found = statements.look(connection, [node.id for node in nodes])
    able: list[NodeKey] = []
    feeds: dict[str, NodeKey] = {}
    refused: list[str] = []
    for node in nodes:
        its = found.get(node.id, [])
        why = statements.why_not_switched(its)
        if why is None:
            keys = api.find_keys(connection, [feed.uuid for feed in its if feed.uuid is not None])
            why = _why_not(connection, keys, feeds, catalog)
        if why is None:
            able.append(node)
            feeds |= {key.uuid: key for key in keys}
        else:
            refused.append(f"{node.name}: {why}")
    return able, list(feeds.values()), refused


def _why_not(
    connection: sa.Connection, keys: Sequence[NodeKey], taken: dict[str, NodeKey], catalog: Catalog
) -> str | None:
    for key in keys:
        if key.uuid in taken:
            return f"its feed {key.name} is switched for another node of the same request"
        if missing := _NEEDED - (catalog.actions(key.driver) or _NEEDED):
            return f"its feed {key.name}: the driver {key.driver} does not know {', '.join(sorted(missing))}"
    refused = power.refused(connection, keys, states.POWER_OFF)
    return f"its feed {'; '.join(refused)}" if refused else None
