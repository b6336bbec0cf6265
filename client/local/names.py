"""The answer about names of nodes."""

from typing import Final

from podium.client.calls.names import FindNames, Names
from podium.client.local.backend import Answers, Backend
from podium.db import node_names
from podium.node_ranges import natural


def find_names(backend: Backend, call: FindNames) -> Names:
    """Return the names that begin with a text."""
    with backend.database.read() as connection:
        found, complete = node_names.beginning_with(connection, call.prefix, call.limit)
    return Names(names=sorted(found, key=natural), complete=complete)


ANSWERS: Final[Answers] = {FindNames: find_names}
