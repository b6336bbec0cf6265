import hashlib
from pathlib import Path

import pytest

from ironics import recorded, uuid
from podium import errors
from podium.db.ironic import IronicNode, read_nodes
from podium.db.urls import parse_url
from templates import prepared


def nodes(file: Path) -> dict[str, IronicNode]:
    return {node.uuid: node for node in read_nodes(parse_url(f"sqlite:///{file}"))}


def test_everything_about_a_node_is_read(tmp_path: Path) -> None:
    node = nodes(recorded(tmp_path))[uuid(1)]
    assert (node.name, node.driver, node.power_interface) == ("r1n01", "ipmi", "ipmitool")
    assert node.driver_info["ipmi_password"] == "bmc-secret-1"
    assert node.properties == {"cpus": 8, "memory_mb": 16384, "capabilities": "boot_mode:uefi"}
    assert (node.owner, node.lessee, node.shard) == ("team-a", "team-b", "s1")
    assert node.traits == ("CUSTOM_GOLD", "HW_CPU_X86_VMX")
    assert node.chassis is not None
    assert (node.chassis.description, node.chassis.extra) == ("Rack 1", {"room": "east"})
    first, second = node.ports
    assert (first.address, first.name, first.pxe_enabled) == ("52:54:00:00:00:01", "r1n01-eth0", True)
    assert first.local_link_connection == {"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": "Eth1/1"}
    assert (second.pxe_enabled, second.name, second.extra) == (False, None, {})


def test_truths_and_texts_are_what_ironic_means(tmp_path: Path) -> None:
    found = nodes(recorded(tmp_path))
    assert (found[uuid(2)].protected, found[uuid(2)].protected_reason) == (True, "in production")
    assert (found[uuid(1)].protected, found[uuid(1)].retired, found[uuid(4)].retired) == (False, False, True)
    assert (found[uuid(3)].name, found[uuid(3)].driver_info, found[uuid(3)].chassis) == (None, {}, None)


def test_columns_and_tables_that_an_older_ironic_lacks_are_empty(tmp_path: Path) -> None:
    older = ("shard", "parent_node", "network_data", "instance_name", "disable_power_off", "lessee")
    file = recorded(
        tmp_path,
        *(f"ALTER TABLE nodes DROP COLUMN {column}" for column in older),
        "ALTER TABLE ports DROP COLUMN vendor",
        "DROP TABLE node_traits",
    )
    node = nodes(file)[uuid(1)]
    assert [getattr(node, column) for column in older] == [None, None, {}, None, None, None]
    assert (node.traits, node.owner, node.ports[0].vendor) == ((), "team-a", None)


def test_the_file_is_not_written(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    nodes(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert [one.name for one in tmp_path.iterdir()] == ["ironic.sqlite"]


def test_another_database_is_refused(tmp_path: Path) -> None:
    prepared(f"sqlite:///{tmp_path}/podium.sqlite").dispose()
    (tmp_path / "text").write_text("not a database, and long enough to be looked at" * 100)
    for name, words in (
        ("podium.sqlite", "it is not Ironic's"),
        ("text", "file is not a database"),
        ("none", "unable to open database file"),
    ):
        with pytest.raises(errors.DatabaseUnavailable, match=words):
            nodes(tmp_path / name)


def test_a_value_that_is_not_json_is_named_without_its_text(tmp_path: Path) -> None:
    file = recorded(tmp_path, "UPDATE nodes SET driver_info = 'bmc-secret' WHERE name = 'r1n01'")
    with pytest.raises(errors.DatabaseUnavailable, match=f"driver_info of {uuid(1)} is not a JSON") as raised:
        nodes(file)
    assert "bmc-secret" not in str(raised.value)
