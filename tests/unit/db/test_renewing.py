"""Nodes that were read before the transaction that changes them are read again where they changed."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import api, models, renewing
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]


def test_only_what_others_have_changed_is_read_again(database: Database, enrol: Enrol) -> None:
    known = enrol("n1", "n2", "n3")
    with database.write() as connection:
        assert renewing.renewed(connection, known) == []
    with database.write() as connection:
        api.update_node(connection, known[1].id, {"owner": "lab"})
        learned = sa.update(models.nodes).where(models.nodes.c.id == known[2].id).values(learned=7)
        connection.execute(learned.values(extra={"serial": "7"}))
    with database.write() as connection:
        second, third = sorted(renewing.renewed(connection, known), key=lambda node: node.id)
    assert (second.owner, third.extra) == ("lab", {"serial": "7"})


def test_a_node_that_was_deleted_is_missed(database: Database, enrol: Enrol) -> None:
    known = enrol("n1", "n2")
    with database.write() as connection:
        api.delete_node(connection, known[0].id)
    with pytest.raises(errors.NodeNotFound, match=known[0].uuid), database.write() as connection:
        renewing.renewed(connection, known)


def test_columns_that_were_read_need_not_be_read_again(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", driver_info={"a_password": "x"})
    with database.write() as connection:
        values = {"driver_info": {"a_password": "y"}}
        api.update_nodes(connection, {node.id: values}, {node.id: node})
        (changed,) = api.find_nodes(connection, ["n1"])
    assert changed.driver_info == {"a_password": "y"}
    assert changed.credentials_changed_at is not None
    assert changed.credentials_changed_at > (node.credentials_changed_at or node.created_at)
