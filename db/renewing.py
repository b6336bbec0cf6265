"""Nodes that are read before the transaction that changes them, so that checking values blocks nobody."""

from collections.abc import Iterable

import sqlalchemy as sa

from podium.db import api
from podium.db.api import NodeRecord
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.models import nodes

_LOOK = sa.select(nodes.c.id, nodes.c.version, nodes.c.learned).where(AMONG)


def renewed(connection: sa.Connection, known: Iterable[NodeRecord]) -> list[NodeRecord]:
    """Lock nodes until the end of the transaction.

    :param known: the nodes as they were read before
    :returns: those of them that have changed since, as they are now
    :raises podium.errors.NodeNotFound: one of them was deleted
    """
    next_change(connection)
    seen = {node.id: node for node in known}
    changed = dict(seen)
    for chunk in chunks(sorted(seen), AT_ONCE):
        for row in connection.execute(_LOOK, {"numbers": chunk}):
            if (row.version, row.learned) == (seen[row.id].version, seen[row.id].learned):
                del changed[row.id]
    return api.find_nodes(connection, [node.uuid for node in changed.values()])
