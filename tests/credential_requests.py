"""Requests for new credentials of nodes that the first of two members owns, see power_requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from podium.db import credential_changes, credentials
from podium.db.accounts import Account
from podium.db.beginning import Begun
from podium.db.credential_changes import IN_FORCE, Change
from podium.db.credential_requests import Asked
from podium.db.engine import Database
from podium.db.outcomes import Outcome, finish
from power_requests import C1, LATER, begin, due, requests

LOGIN = {"fake": Account("fake_password", "fake_username")}
OLD = {"fake_username": "admin", "fake_password": "old"}
NEW = {"fake_username": "admin", "fake_password": "new"}


def ask(database: Database, rows: Sequence[Any], passwords: Any = "new", **more: Any) -> Asked:
    terms: Mapping[str, Any] = {"who": "ada@desk", "login": LOGIN, "settable": ["fake"], **more}
    with database.write() as connection:
        return credentials.ask(connection, rows, passwords=passwords, **terms)


def begun(database: Database, rows: Sequence[Any], **more: Any) -> list[Begun]:
    """Request credentials, and return the requests that the first member has begun."""
    ask(database, rows, **more)
    return begin(database, due(database))


def end(database: Database, row: Begun, what: str = IN_FORCE, error: str | None = None) -> None:
    """Write the end of a request, and of the requests that end with it."""
    error = error if what == IN_FORCE else error or "it was refused"
    outcomes = [
        Outcome(one.node.id, one.request_id, C1, LATER, None, error, "req-1", what)
        for one in (row, *row.others)
    ]
    with database.write() as connection:
        finish(connection, outcomes)


def states_of(database: Database, operation_id: int | None) -> dict[str, str]:
    return {row.node_name: row.state for row in requests(database, operation_id)}


def changes_of(database: Database, operation_id: int | None) -> dict[str, Change]:
    """Return the changes of an operation by node name."""
    numbers = {row.id: row.node_name for row in requests(database, operation_id)}
    with database.read() as connection:
        found = credential_changes.of_requests(connection, list(numbers))
    return {numbers[number]: change for number, change in found.items()}
