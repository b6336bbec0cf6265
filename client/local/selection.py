"""The answer about what nodes are chosen by."""

from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.selection import CheckSelection, Selection
from podium.client.local import choosing, conditions
from podium.client.local.backend import Answers, Backend
from podium.db import roster


def check_selection(backend: Backend, call: CheckSelection) -> Selection:
    """Return whether nodes can be chosen so, and what that depends on."""
    with backend.database.read() as connection:
        return Selection(
            fault=_fault(backend, connection, call),
            members=sorted(map(str, roster.heard(connection).values())),
            enforced_by_default=choosing.enforces_by_default(backend),
        )


def _fault(backend: Backend, connection: sa.Connection, call: CheckSelection) -> str | None:
    try:
        if call.nodes is not None:
            choosing.expanded(call.nodes)
        if call.where is not None:
            conditions.condition(backend, connection, call.where, None)
    except errors.NotUnderstood as fault:
        return str(fault)
    return None


ANSWERS: Final[Answers] = {CheckSelection: check_selection}
