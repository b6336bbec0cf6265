"""The columns of a node that are shown to people."""

from typing import Final

from podium.db import node_list
from podium.db.api import NodeRecord

#: Every column about the node; the others are the database's own.
COLUMNS: Final = tuple(
    name
    for name in NodeRecord._fields
    if name not in ("id", "version", "learned", "identity", "controller", "endpoint", "health_lasts")
)
#: Seconds since power_checked_at, by the database's clock; not a column of the table.
AGE: Final = "power_state_age"
#: The worker that has the node, according to the slots; not a column of the table.
CONDUCTOR: Final = node_list.CONDUCTOR
