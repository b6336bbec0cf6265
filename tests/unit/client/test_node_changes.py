"""Nodes that are enrolled, changed on the database and over HTTP."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors
from podium.client.podium import Podium
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]

_BMC = {"ipmi_address": "192.0.2.1", "ipmi_password": "geheim"}


def node(database: Database, name: str) -> NodeRecord:
    with database.read() as connection:
        (found,) = api.find_nodes(connection, [name])
    return found


def test_maintenance_is_set_and_unset(podium: Podium, enrol: Enrol, database: Database) -> None:
    enrol("n1", "n2", fault="power failure")
    assert podium.set_maintenance("n[1-2]", reason="new fans").changed == 2
    found = node(database, "n2")
    assert (found.maintenance, found.maintenance_reason, found.fault) == (True, "new fans", None)
    podium.set_maintenance("n2")
    assert node(database, "n2").maintenance_reason == "new fans"
    podium.set_maintenance("n2", False)
    assert (node(database, "n2").maintenance, node(database, "n1").maintenance) == (False, True)


def test_names_of_other_nodes_than_are_meant_change_nothing(podium: Podium, enrol: Enrol) -> None:
    meant, other = enrol("n1", "n2")
    seen = uuid.UUID(meant.uuid).hex
    with pytest.raises(errors.NodeConflict, match="other nodes than are meant; nothing was done"):
        podium.set_maintenance("n2", uuids_xor=seen)
    assert not any(one.maintenance for one in podium.nodes())
    assert podium.set_maintenance("n1", uuids_xor=seen).changed == 1
    assert podium.set_maintenance([other.uuid], uuids_xor=uuid.UUID(other.uuid).hex).changed == 1


def test_a_maintenance_that_is_so_already_is_counted_apart(
    podium: Podium, enrol: Enrol, database: Database
) -> None:
    enrol("n1", power_failures=3)
    (before,) = enrol("n2", maintenance=True, maintenance_reason="new fans")
    assert podium.set_maintenance("n[1-2]", False).unchanged == 1
    assert node(database, "n1").power_failures == 3
    assert node(database, "n2").version > before.version
    done = podium.set_maintenance("n[1-2]", reason="new fans")
    assert (done.changed, done.unchanged) == (2, 0)
    done = podium.set_maintenance("n[1-2]")
    assert (done.changed, done.unchanged) == (0, 2)
    done = podium.set_maintenance("n[1-2]", reason="other fans")
    assert (done.changed, done.unchanged) == (2, 0)


def test_all_nodes_are_deleted_or_none(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3")
    with pytest.raises(errors.NodeNotFound, match="n4"):
        podium.delete_nodes("n[1-4]")
    assert podium.delete_nodes(["n1", "n3"]).changed == 2
    assert [one.name for one in podium.nodes()] == ["n2"]


def test_many_nodes_are_deleted_only_when_that_is_confirmed(podium: Podium, enrol: Enrol) -> None:
    enrol(*(f"n{number}" for number in range(51)))
    with pytest.raises(errors.NeedsConfirmation) as refused:
        podium.delete_nodes("n[0-50]")
    assert (refused.value.nodes, refused.value.limit) == (51, 50)
    assert len(list(podium.nodes())) == 51
    assert podium.delete_nodes("n[0-50]", confirmed=True).changed == 51


def test_entries_are_put_beside_those_that_are_there(
    podium: Podium, enrol: Enrol, database: Database
) -> None:
    enrol("n1", extra={"rack": "r7", "row": 1}, record={"traits": ["CUSTOM_A"]})
    changes = {"extra": {"ticket": 7, "nested": [1.5, None]}, "traits": ["HW_B", "CUSTOM_A"], "owner": "lab"}
    done = podium.set_nodes("n1", changes, ["extra.row"])
    assert (done.changed, done.unchanged) == (1, 0)
    found = node(database, "n1")
    assert found.extra == {"rack": "r7", "ticket": 7, "nested": [1.5, None]}
    assert (found.record, found.owner) == ({"traits": ["CUSTOM_A", "HW_B"]}, "lab")
    assert podium.set_nodes("n1", {"owner": "lab"}).unchanged == 1


def test_driver_info_is_settled_where_its_driver_is(podium: Podium, enrol: Enrol, database: Database) -> None:
    enrol("n1", driver="ipmi", driver_info=_BMC)
    podium.set_nodes("n1", {"driver_info": {"ipmi_port": "6230"}})
    assert node(database, "n1").driver_info == {**_BMC, "ipmi_port": 6230}
    with pytest.raises(errors.InvalidNode, match="ipmi_port"):
        podium.set_nodes("n1", {"driver_info": {"ipmi_port": "70000"}})
    podium.set_nodes("n1", {}, ["driver_info.ipmi_port"])
    assert node(database, "n1").driver_info == _BMC


@pytest.mark.parametrize(
    ("changes", "unset", "fault"),
    [
        ({"colour": "red"}, (), "'colour' cannot be set; there are name"),
        ({"onwer": "lab"}, (), "did you mean owner?"),
        ({"owner": None}, (), "owner has no value; unset takes one away"),
        ({"extra": [1]}, (), "extra is not a mapping"),
        ({"driver": 7}, (), "driver is not text"),
        ({"driver": "acme"}, (), "there is no driver acme"),
        ({"power_policy": "maybe"}, (), "power_policy is none of record, enforce"),
        ({"traits": [{}]}, (), "traits must be a list of words"),
        ({"instance_info": "x"}, (), "instance_info must be an object"),
        ({}, ["colour"], "unset: there is no colour to unset"),
        ({}, ["driver_info"], "unset: name an entry"),
        ({}, ["extra.rack"], "rack is not set"),
        ({"name": "n3"}, (), "two nodes cannot have one name"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(
    podium: Podium, enrol: Enrol, changes: dict[str, Any], unset: list[str], fault: str
) -> None:
    enrol("n1", "n2")
    with pytest.raises((errors.InvalidNode, errors.BadRequest, errors.DriverLoadError)) as refused:
        podium.set_nodes("n[1-2]", changes, unset)
    assert fault in str(refused.value)


def test_a_machine_is_that_of_one_node_unless_it_is_forced(
    podium: Podium, enrol: Enrol, database: Database, warnings: list[str]
) -> None:
    enrol("n1", "n2", driver="ipmi", driver_info={"ipmi_address": "192.0.2.9"})
    podium.set_nodes("n1", {"driver_info": _BMC})
    with pytest.raises(errors.InvalidNode, match="n2: by its address it is the same machine as n1"):
        podium.set_nodes("n2", {"driver_info": _BMC})
    podium.set_nodes("n2", {"driver_info": _BMC}, force=True)
    assert warnings == ["warning: n2: by its address it is the same machine as n1"]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"record": {"protected": True}}, errors.NodeProtected),
        ({"instance_uuid": str(uuid.uuid4())}, errors.NodeConflict),
        ({"provision_state": "active"}, errors.NodeConflict),
    ],
)
def test_what_is_in_use_is_not_deleted(
    podium: Podium, enrol: Enrol, columns: dict[str, Any], kind: type[errors.PodiumError]
) -> None:
    enrol("n1")
    enrol("n2", **columns)
    with pytest.raises(kind, match="n2: it"):
        podium.delete_nodes("n[1-2]")
    assert [node.name for node in podium.nodes()] == ["n1", "n2"]


@pytest.mark.parametrize(
    ("reason", "fault"), [("", "reason"), ("x" * 1001, "reason"), ("two\nlines", "cannot be printed")]
)
def test_a_reason_is_one_line_whatever_it_is_for(
    podium: Podium, enrol: Enrol, reason: str, fault: str
) -> None:
    enrol("n1")
    with pytest.raises(errors.BadRequest, match=fault):
        podium.set_maintenance("n1", reason=reason)
    with pytest.raises(errors.BadRequest, match=fault):
        podium.power("power on", "n1", reason=reason)


def test_of_faults_without_end_the_first_hundred_are_named(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", driver="ipmi", driver_info=_BMC)
    wrong = [f"power_polic{number}" for number in range(300)]
    with pytest.raises(errors.InvalidNode) as refused:
        podium.set_nodes("n1", dict.fromkeys(wrong, "record"))
    assert len(refused.value.faults) == 100
    with pytest.raises(errors.InvalidNode) as refused:
        podium.set_nodes("n1", {"driver_info": dict.fromkeys(wrong, 1)})
    assert len(refused.value.faults) == 100
    with pytest.raises(errors.InvalidNode) as refused:
        podium.set_nodes("n1", unset=[f"driver_info.ipmi_por{number}" for number in range(300)])
    assert sum("did you mean ipmi_port?" in fault for fault in refused.value.faults) == 100


def test_what_others_change_while_values_are_checked_is_not_lost(
    podium: Podium, enrol: Enrol, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = enrol("n1", "n2", extra={"rack": "r7"})
    written = Database.written

    def late(own: Database, work: Callable[[sa.Connection], Any]) -> Any:
        monkeypatch.setattr(Database, "written", written)
        with database.write() as connection:
            api.update_node(connection, first.id, {"extra": {"rack": "r8"}, "owner": "lab"})
        return written(own, work)

    monkeypatch.setattr(Database, "written", late)
    assert podium.set_nodes("n[1-2]", {"extra": {"row": 1}, "owner": "lab"}).changed == 2
    assert node(database, "n1").extra == {"rack": "r8", "row": 1}
    assert node(database, "n2").extra == {"rack": "r7", "row": 1}
