"""Nodes become what a list says of them, on the database and over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from podium import conf, errors
from podium.client.calls.updating import Fields
from podium.client.local.local import Local
from podium.client.podium import Podium
from podium.db import api, belongings, models
from podium.db.api import NodeRecord
from podium.db.engine import Database
from rounds import rest_is_long

Enrol = Callable[..., list[NodeRecord]]

_CHASSIS = "99999999-2222-3333-4444-555555555555"
_MAC, _OTHER = "52:54:00:12:34:56", "52:54:00:12:34:57"


def fake(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "driver": "fake", **more}


def node(database: Database, name: str) -> NodeRecord:
    with database.read() as connection:
        (found,) = api.find_nodes(connection, [name])
    return found


def ports(database: Database, name: str) -> list[dict[str, Any]]:
    with database.read() as connection:
        own = node(database, name).uuid
        return belongings.read_ports(connection, [own]).get(own, [])


def everything(database: Database) -> dict[str, list[str]]:
    with database.read() as connection:
        return {
            table.name: [repr(row) for row in connection.execute(sa.select(table).order_by(table.c.id))]
            for table in (models.nodes, models.ports, models.chassis)
        }


@pytest.fixture
def enrolled(podium: Podium) -> Podium:
    nodes = [
        fake("n1", driver_info={"fake_password": "geheim"}, extra={"rack": "r1", "token": "t0"}, owner="lab"),
        fake("n2", description="lent", traits=["CUSTOM_A"], ports=[{"address": _MAC, "name": "eth0"}]),
        fake("n3", maintenance=True, maintenance_reason="new fans"),
    ]
    podium.enrol_nodes(nodes, [{"uuid": _CHASSIS, "description": "left", "extra": {"secret": "s3"}}])
    return podium


def test_a_plan_names_what_is_new_different_left_and_gone_and_changes_nothing(
    enrolled: Podium, database: Database
) -> None:
    before = everything(database)
    plan = enrolled.plan_update(
        nodes=[
            fake("n1", driver_info={"fake_password": "******"}, extra={"rack": "r2", "row": 1}),
            fake("n2", description=None, ports=[{"address": _MAC}]),
            fake("n4"),
        ],
    )
    assert (plan.new, plan.gone, plan.unchanged) == (["n4"], ["n3"], 0)
    assert plan.changed == [
        Fields(fields=["extra.rack", "extra.token", "extra.row"], nodes=["n1"]),
        Fields(fields=["description", "ports"], nodes=["n2"]),
    ]
    assert plan.left == [Fields(fields=["owner"], nodes=["n1"]), Fields(fields=["traits"], nodes=["n2"])]
    assert everything(database) == before


def test_nodes_become_what_the_list_says(enrolled: Podium, database: Database) -> None:
    listed = [
        fake("n1", driver_info={"fake_password": "******", "fake_latency": "0.5"}, extra={"rack": "r2"}),
        fake("n2", description=None, traits=[], ports=[{"address": _OTHER}, {"address": _MAC, "name": "e0"}]),
        fake("n4", ports=[{"address": "52:54:00:12:34:58"}]),
    ]
    before = ports(database, "n2")
    done = enrolled.update_nodes(nodes=listed)
    assert (done.enrolled, done.changed, done.unchanged, done.deleted) == (1, 2, 0, 0)
    first, second = node(database, "n1"), node(database, "n2")
    assert first.driver_info == {"fake_password": "geheim", "fake_latency": 0.5}
    assert (first.extra, first.owner) == ({"rack": "r2"}, "lab")
    assert (second.description, second.record) == (None, None)
    assert {port["address"]: port["name"] for port in ports(database, "n2")} == {_OTHER: None, _MAC: "e0"}
    assert before[0]["uuid"] in {port["uuid"] for port in ports(database, "n2")}
    assert node(database, "n4").name == "n4"
    assert node(database, "n3").maintenance
    assert enrolled.update_nodes(nodes=listed).unchanged == 3


def test_what_was_exported_changes_nothing(enrolled: Podium, database: Database) -> None:
    exported = [*enrolled.export_nodes()]
    nodes = [dict(one.node) for one in exported if isinstance(one.node, dict)]
    chassis = [dict(one.chassis) for one in exported if isinstance(one.chassis, dict)]
    assert "******" in json.dumps(nodes)
    before = everything(database)
    done = enrolled.update_nodes(nodes=nodes, chassis=chassis)
    assert (done.enrolled, done.changed, done.unchanged) == (0, 0, 3)
    assert everything(database) == before


def test_of_a_table_only_the_entries_that_it_names_change(enrolled: Podium, database: Database) -> None:
    columns = ["name", "driver", "extra.rack", "extra.row", "owner"]
    rows = [fake("n1", extra={"row": 2}), fake("n2", extra={"rack": "r9"}, owner="me")]
    plan = enrolled.plan_update(nodes=rows, columns=columns)
    assert plan.changed == [
        Fields(fields=["extra.rack", "extra.row", "owner"], nodes=["n1"]),
        Fields(fields=["extra.rack", "owner"], nodes=["n2"]),
    ]
    assert Fields(fields=["extra.token", "driver_info"], nodes=["n1"]) in [
        Fields(fields=sorted(one.fields, reverse=True), nodes=one.nodes) for one in plan.left
    ]
    enrolled.update_nodes(nodes=rows, columns=columns)
    assert (node(database, "n1").extra, node(database, "n1").owner) == ({"token": "t0", "row": 2}, None)


def test_maintenance_is_changed_only_by_a_list_that_names_it(enrolled: Podium, database: Database) -> None:
    enrolled.update_nodes(nodes=[fake("n1", maintenance=True, maintenance_reason="fans"), fake("n3")])
    assert (node(database, "n1").maintenance, node(database, "n1").maintenance_reason) == (True, "fans")
    assert node(database, "n3").maintenance
    enrolled.update_nodes(nodes=[fake("n3", maintenance=False)])
    third = node(database, "n3")
    assert (third.maintenance, third.maintenance_reason) == (False, None)


def test_a_provision_state_is_left_as_it_is_and_that_is_told(enrolled: Podium, database: Database) -> None:
    plan = enrolled.plan_update(nodes=[fake("n1", provision_state="active", owner="lab")])
    assert "provision_state" in plan.left[0].fields
    enrolled.update_nodes(nodes=[fake("n1", provision_state="active", owner="lab")])
    assert node(database, "n1").provision_state == "available"


def test_a_node_is_renamed_by_its_uuid(enrolled: Podium, database: Database) -> None:
    own = node(database, "n1").uuid
    plan = enrolled.plan_update(nodes=[fake("m1", uuid=own)])
    assert plan.changed == [Fields(fields=["name"], nodes=["n1"])]
    enrolled.update_nodes(nodes=[fake("m1", uuid=own)])
    assert node(database, own).name == "m1"
    with pytest.raises(errors.InvalidNode, match="name n2 is that of another node"):
        enrolled.update_nodes(nodes=[fake("n2", uuid=own)])


def test_missing_nodes_are_forgotten_only_if_that_is_asked_for(enrolled: Podium, database: Database) -> None:
    done = enrolled.update_nodes(nodes=[fake("n1")], delete_missing=True)
    assert done.deleted == 2
    assert [one.name for one in enrolled.nodes()] == ["n1"]
    with pytest.raises(errors.BadRequest, match="without nodes"):
        enrolled.update_nodes(nodes=[], delete_missing=True)


def test_a_port_may_move_from_a_node_that_is_forgotten(enrolled: Podium, database: Database) -> None:
    listed = [fake("n1"), fake("n3"), fake("n5", ports=[{"address": _MAC}])]
    with pytest.raises(errors.InvalidNode, match=f"the port address {_MAC} is that of the enrolled node n2"):
        enrolled.update_nodes(nodes=listed)
    enrolled.update_nodes(nodes=listed, delete_missing=True)
    assert [port["address"] for port in ports(database, "n5")] == [_MAC]


def test_a_protected_node_is_not_forgotten_and_nothing_is_changed(
    podium: Podium, enrol: Enrol, database: Database
) -> None:
    enrol("n1", "n2")
    enrol("n3", record={"protected": True}, provision_state="active")
    with pytest.raises(errors.InvalidNode, match="n3: it is protected"):
        podium.update_nodes(nodes=[fake("n1", owner="lab")], delete_missing=True)
    assert node(database, "n1").owner is None
    assert node(database, "n2").name == "n2"


def test_nodes_that_are_busy_are_told_and_nothing_is_changed(enrolled: Podium, database: Database) -> None:
    with database.write() as connection:
        busy = sa.update(models.nodes).where(models.nodes.c.name == "n2")
        connection.execute(busy.values(reservation="c1/0@1", reserved_for="a look"))
    listed = [fake("n1", owner="me"), fake("n2", owner="me")]
    (reason,) = enrolled.plan_update(nodes=listed).busy
    assert reason.startswith("n2: reserved by c1")
    with pytest.raises(errors.NodeConflict, match="n2: reserved by c1"):
        enrolled.update_nodes(nodes=listed)
    assert node(database, "n1").owner == "lab"
    assert enrolled.plan_update(nodes=[fake("n1", owner="me"), fake("n2")]).busy == []


def test_another_plan_than_the_one_that_was_shown_is_not_carried_out(
    enrolled: Podium, database: Database
) -> None:
    listed = [fake("n1", owner="me")]
    plan = enrolled.plan_update(nodes=listed)
    enrolled.set_nodes("n1", {"owner": "me"})
    with pytest.raises(errors.NodeConflict, match="changed meanwhile"):
        enrolled.update_nodes(nodes=listed, digest=plan.digest)
    assert enrolled.update_nodes(nodes=listed).unchanged == 1


def test_what_others_change_while_values_are_checked_is_not_lost(
    enrolled: Podium, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = node(database, "n1")
    written = Database.written

    def late(own: Database, work: Callable[[sa.Connection], Any]) -> Any:
        monkeypatch.setattr(Database, "written", written)
        with database.write() as connection:
            api.update_node(connection, first.id, {"driver_info": {"fake_password": "newer"}})
        return written(own, work)

    monkeypatch.setattr(Database, "written", late)
    enrolled.update_nodes(nodes=[fake("n1", driver_info={"fake_password": "******", "fake_latency": 1.5})])
    assert node(database, "n1").driver_info == {"fake_password": "newer", "fake_latency": 1.5}


@rest_is_long(
    ("listed", "fault"),
    [
        ([fake("n1"), fake("n1")], "node 2 (n1): it is the same node as node 1 too"),
        ([fake("n1", uuid="11111111-2222-3333-4444-555555555555")], "is that of an enrolled node with"),
        ([fake("n4", driver_info={"fake_password": "******"})], "node 1 (n4): driver_info: fake_password is"),
        ([fake("n2", driver_info={"fake_password": "******"})], "node 1 (n2): driver_info: fake_password is"),
        ([fake("n1", driver_info={"fake_latncy": 1})], "did you mean fake_latency"),
        ([fake("n1", ownr="x")], "'ownr' is not known; did you mean owner?"),
        ([fake("n1", chassis_uuid="11111111-2222-3333-4444-555555555555")], "there is no chassis"),
        ([fake("n1", protected=True)], "only an active node can be protected"),
        ([fake("n1", ports=[{"address": _MAC}])], f"the port address {_MAC} is that of the enrolled node n2"),
        ([fake("n1", power_state="power on")], "power_state is what Podium finds out itself"),
    ],
)
def test_a_fault_changes_nothing(
    enrolled: Podium, database: Database, listed: list[dict[str, Any]], fault: str
) -> None:
    before = everything(database)
    with pytest.raises(errors.InvalidNode) as refused:
        enrolled.update_nodes(nodes=[*listed, fake("n9")])
    assert any(fault in one for one in refused.value.faults)
    assert everything(database) == before


def test_chassis_are_new_or_changed(enrolled: Podium, database: Database) -> None:
    other = "88888888-2222-3333-4444-555555555555"
    chassis = [{"uuid": _CHASSIS, "description": "right", "extra": {"secret": "******"}}, {"uuid": other}]
    plan = enrolled.plan_update(nodes=[fake("n1")], chassis=chassis)
    assert plan.new_chassis == [other]
    assert plan.changed_chassis == [Fields(fields=["description"], nodes=[_CHASSIS])]
    enrolled.update_nodes(nodes=[fake("n1", chassis_uuid=other)], chassis=chassis)
    with database.read() as connection:
        first, second = belongings.read_chassis(connection)
    assert (first["description"], first["extra"], second["uuid"]) == ("right", {"secret": "s3"}, other)


def test_one_is_not_true(enrolled: Podium, database: Database) -> None:
    enrolled.set_nodes("n3", {"extra": {"flag": 1}})
    enrolled.update_nodes(nodes=[fake("n3", extra={"flag": True})])
    assert node(database, "n3").extra["flag"] is True


def test_many_nodes_are_compared_and_changed_in_few_statements(
    config: conf.Config, enrol: Enrol, warnings: list[str]
) -> None:
    enrol(*(f"n{number}" for number in range(300)))
    listed = [fake(f"n{number}", extra={"place": number}) for number in range(400)]
    statements: list[str] = []
    with Local(config, warn=warnings.append) as podium:
        engine = podium.backend.database.engine
        sa.event.listen(engine, "after_cursor_execute", lambda *its: statements.append(its[2]))
        done = podium.update_nodes(nodes=listed)
    assert (done.enrolled, done.changed) == (100, 300)
    assert len(statements) < 50
