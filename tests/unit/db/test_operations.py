"""Operations that are cancelled or forgotten."""

from datetime import timedelta

import pytest

from podium import states
from podium.db import api, cancelling, operations
from podium.db.engine import Database
from podium.db.models import utcnow
from power_requests import Enrol, ask, begin, begun, due, end, only, requests

pytestmark = pytest.mark.usefixtures("two_members")


def test_only_what_nobody_has_begun_is_cancelled(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", "n3")
    asked = ask(database, nodes)
    first, second, _ = due(database)
    rows = begin(database, [first, second])
    end(database, rows[0], states.POWER_ON)
    assert asked.operation_id is not None
    with database.write() as connection:
        assert cancelling.cancel(connection, asked.operation_id, "bob@desk") == (1, 1, 1)
        again = cancelling.cancel(connection, asked.operation_id, "eve@desk")
        operation = operations.operation(connection, asked.operation_id)
    assert again == (0, 1, 2)
    assert operation is not None
    assert operation.counts == {"done": 1, "begun": 1, "cancelled": 1}
    assert (operation.cancelled_by, operation.unfinished) == ("bob@desk", 1)
    with database.read() as connection:
        (node,) = api.find_nodes(connection, ["n3"])
    assert (node.target_power_state, node.power_request_id, node.reservation) == (None, None, None)


def test_cancelling_an_operation_keeps_what_replaced_it(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1")
    first = ask(database, nodes)
    ask(database, nodes, states.POWER_OFF)
    assert first.operation_id is not None
    with database.write() as connection:
        assert cancelling.cancel(connection, first.operation_id, "bob@desk").cancelled == 0
    assert only(database).target_power_state == states.POWER_OFF


def test_old_operations_are_forgotten_once_they_have_ended(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    ended = begun(database, [one])
    end(database, ended, states.POWER_ON)
    waits = ask(database, [two])
    with database.write() as connection:
        assert operations.prune_operations(connection, utcnow() + timedelta(seconds=1)) == 1
        assert operations.operation(connection, ended.operation_id) is None
    assert requests(database, ended.operation_id) == []
    assert len(requests(database, waits.operation_id)) == 1


def test_operations_and_their_requests_go_on_behind_a_number(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", "n3")
    numbers = [ask(database, nodes, stagger=(2, 7.0)).operation_id for _ in range(2)]
    first, second = (number or 0 for number in numbers)
    with database.read() as connection:
        assert [one.id for one in operations.list_operations(connection, 5, before=second)] == [first]
        found = operations.requests_of(connection, second, states=["waiting"], limit=2)
        rest = operations.requests_of(connection, second, after=found[-1].id)
        assert [one.node_name for one in (*found, *rest)] == ["n1", "n2", "n3"]
        assert operations.requests_of(connection, second, states=["done"]) == []
        assert operations.stagger_of(connection, second) == 7.0
