"""Detects conditions that no node meets because of a typing error: their value does not exist."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.client.calls.nodes import Filter
from podium.db import conductors
from podium.db.models import nodes
from podium.db.provision_states import ACTIVE, AVAILABLE, ENROLL, MANAGEABLE, VERIFYING
from podium.drivers import registry
from podium.wording import nearest

_STATES: Final = (ENROLL, VERIFYING, MANAGEABLE, AVAILABLE, ACTIVE)


def check(connection: sa.Connection, chosen: Filter) -> None:
    """Refuse values that no node has, and that are not known elsewhere.

    :raises podium.errors.BadRequest: naming the existing values
    """
    if chosen.driver is not None:
        others = [driver for one in conductors.list_conductors(connection) for driver in one.drivers]
        known = _of_nodes(connection, "driver", [*registry.installed(), *others])
        _refuse("driver", chosen.driver, known)
    if chosen.provision_state is not None:
        _refuse("provision state", chosen.provision_state, _of_nodes(connection, "provision_state", _STATES))
    if chosen.conductor_group:
        groups = [group for one in conductors.list_conductors(connection) for group in one.groups]
        known = _of_nodes(connection, "conductor_group", groups)
        _refuse("conductor group", chosen.conductor_group, known)


def _of_nodes(connection: sa.Connection, column: str, others: Iterable[str]) -> list[str]:
    found = connection.scalars(sa.select(nodes.c[column]).distinct())
    return sorted({*found, *others} - {"", None})


def _refuse(what: str, value: str, known: list[str]) -> None:
    if value in known:
        return
    near = nearest(value, known)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}" if known else "there are none"
    raise errors.BadRequest(f"there is no {what} {value}; {hint}")
