"""Provision states, changed on the database and over HTTP."""

from collections.abc import Callable

import pytest

from podium import errors
from podium.api.callers import Role
from podium.client.local import provisioning
from podium.client.podium import Podium
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


def states(database: Database) -> dict[str, str]:
    with database.read() as connection:
        names = [f"n{number}" for number in range(1, 4)]
        return {node.name: node.provision_state for node in api.find_nodes(connection, names)}


def test_nodes_in_enroll_are_verified_and_others_are_manageable_at_once(
    podium: Podium, database: Database, enrol: Enrol
) -> None:
    enrol("n1", provision_state="enroll")
    enrol("n2", provision_state="active")
    enrol("n3", provision_state="manageable")
    done = podium.provision("n[1-3]", "manage").nodes
    assert [(one.name, one.provision_state, one.changed) for one in done] == [
        ("n1", "verifying", True),
        ("n2", "manageable", True),
        ("n3", "manageable", False),
    ]
    assert states(database) == {"n1": "verifying", "n2": "manageable", "n3": "manageable"}


def test_manageable_nodes_are_provided_or_adopted(podium: Podium, database: Database, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3", provision_state="manageable")
    podium.provision(["n1", "n2"], "provide")
    podium.provision("n3", "adopt")
    assert states(database) == {"n1": "available", "n2": "available", "n3": "active"}


def test_if_one_node_cannot_be_moved_none_is(podium: Podium, database: Database, enrol: Enrol) -> None:
    enrol("n1", provision_state="manageable")
    enrol("n2", provision_state="manageable", retired=True)
    enrol("n3", provision_state="enroll")
    with pytest.raises(errors.InvalidNode) as fault:
        podium.provision("n[1-3]", "provide")
    assert fault.value.faults == (
        "n2 is retired; set retired to false before provide",
        "n3 is enroll; provide needs it to be manageable",
    )
    assert states(database) == {"n1": "manageable", "n2": "manageable", "n3": "enroll"}


def test_what_the_driver_does_not_accept_stays_in_enroll(
    podium: Podium, database: Database, enrol: Enrol
) -> None:
    enrol("n1", "n2", driver="ipmi", provision_state="enroll")
    enrol("n3", provision_state="enroll")
    with pytest.raises(errors.InvalidNode, match="ipmi_address"):
        podium.provision("n[1-3]", "manage")
    assert {*states(database).values()} == {"enroll"}


def test_nodes_of_which_some_were_moved_already_are_told(
    podium: Podium, database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "_STEP", 2)
    enrol("n1", "n2", provision_state="enroll")
    enrol("n3", driver="ipmi", provision_state="enroll")
    with pytest.raises(errors.Conflict, match="^2 nodes before these have been moved: .*ipmi_address"):
        podium.provision("n[1-3]", "manage")
    assert states(database) == {"n1": "verifying", "n2": "verifying", "n3": "enroll"}


def test_a_node_that_is_being_verified_is_waited_for(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", provision_state="verifying")
    with pytest.raises(errors.NodeConflict, match="n1 is being verified; wait for that to end"):
        podium.provision("n1", "provide")


def test_a_node_that_does_not_exist_is_named(podium: Podium) -> None:
    with pytest.raises(errors.NodeNotFound, match="n9"):
        podium.provision("n9", "manage")
    with pytest.raises(errors.BadRequest, match="name at least one"):
        podium.provision([], "manage")


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_an_operator_provisions_nothing(podium: Podium, enrol: Enrol, everybody: Everybody) -> None:
    enrol("n1", provision_state="manageable")
    everybody.role = Role.OPERATOR
    with pytest.raises(errors.NotAllowed, match="this needs admin"):
        podium.provision("n1", "provide")
