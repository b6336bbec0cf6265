"""``podium node import --from-ironic-db``. What is made of one node is in unit/client/test_from_ironic.py."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ironics import recorded, uuid
from podium.db import api, models
from podium.db.api import NodeRecord
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TAKEN = [1, 2, 3, 4, 5, 6, 16]
#: Why each of the others is not, in part.
LEFT = {
    10: "its hardware type is idrac; --vendor-types takes it with the driver redfish",
    11: "its hardware type is intel-ipmi; --vendor-types takes it with the driver ipmi",
    12: "no driver for the hardware type manual-management",
    13: "its ipmi_bridging is single",
    14: "its provision state is clean failed",
    15: "the conductor ironic-1 of Ironic has it locked",
    17: "its ipmi_protocol_version is not 2.0",
    18: "ipmi_password has a wrong value",
    19: "by its address it is the same machine as r1n01",
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The option's argument for a database as Ironic 39 made it."""
    (tmp_path / "url").write_text(f"sqlite:///{recorded(tmp_path)}\n")
    return f"@{tmp_path}/url"


def enrolled(database: Database) -> dict[str, NodeRecord]:
    with database.read() as connection:
        return {node.uuid: node for node in api.list_nodes(connection)}


def rows(database: Database, table: sa.Table) -> list[dict[Any, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(table.c.id)).mappings()]


def test_what_can_be_taken_is_enrolled_and_all_else_is_listed_with_the_reason(
    podium: Run, database: Database, url: str
) -> None:
    done = podium("node", "import", "--from-ironic-db", url)
    assert done.returncode == 0
    for number, reason in LEFT.items():
        (line,) = [one for one in done.stderr.splitlines() if uuid(number) in one]
        assert " is not taken: " in line
        assert reason in line
    found = enrolled(database)
    assert {uuid(number) for number in TAKEN} <= found.keys()
    assert not {uuid(number) for number in LEFT} & found.keys()
    assert "bmc-secret" not in done.stdout + done.stderr
    assert (
        "left out of driver_info, as Podium has no use for it: deploy_kernel, deploy_ramdisk" in done.stderr
    )


def test_a_node_has_everything_that_ironic_knew_of_it(podium: Run, database: Database, url: str) -> None:
    podium("node", "import", "--from-ironic-db", url)
    first, second, fourth, last = (enrolled(database)[uuid(number)] for number in (1, 2, 4, 16))
    assert first.driver_info["ipmi_password"] == "bmc-secret-1"
    assert first.driver_info["ipmi_port"] == 6230
    assert (first.provision_state, first.conductor_group, first.owner) == ("available", "rack-1", "team-a")
    assert (first.resource_class, first.chassis_uuid) == ("baremetal", uuid(900))
    assert first.record is not None
    assert first.record["traits"] == ["CUSTOM_GOLD", "HW_CPU_X86_VMX"]
    assert (second.provision_state, second.instance_uuid) == ("active", uuid(502))
    assert second.record is not None
    assert second.record["instance_info"] == {"image_source": "http://images/web", "root_gb": 10}
    assert (second.record["protected"], second.record["protected_reason"]) == (True, "in production")
    assert (fourth.maintenance, fourth.maintenance_reason) == (True, "fan is noisy")
    assert (fourth.retired, fourth.owner) == (True, None)
    assert (first.disable_power_off, last.disable_power_off) == (None, True)
    ports = rows(database, models.ports)
    assert [(port["address"], port["name"]) for port in ports] == [
        ("52:54:00:00:00:01", "r1n01-eth0"),
        ("52:54:00:00:00:02", None),
    ]
    assert {port["node_id"] for port in ports} == {first.id}
    assert ports[0]["record"]["local_link_connection"]["port_id"] == "Eth1/1"
    assert (ports[1]["record"]["pxe_enabled"], ports[1]["record"].get("vendor", "")) == (False, "")
    (chassis,) = rows(database, models.chassis)
    assert (chassis["uuid"], chassis["description"]) == (uuid(900), "Rack 1")


def test_nodes_may_be_taken_a_few_at_a_time(podium: Run, database: Database, url: str) -> None:
    done = podium("node", "import", "--from-ironic-db", url, "--only", "r1n[01-02]")
    assert (done.returncode, done.stdout) == (0, "2 imported\n")
    done = podium("node", "import", "--from-ironic-db", url, "--only", "r1n02", "--only", uuid(4))
    assert (done.returncode, done.stdout) == (0, "1 imported, 1 enrolled before\n")
    assert sorted(enrolled(database)) == [uuid(1), uuid(2), uuid(4)]
    assert len(rows(database, models.chassis)) == 1
    done = podium("node", "import", "--from-ironic-db", url, "--only", "r1n[01-03]")
    assert (done.returncode, done.stderr) == (
        1,
        "podium: Ironic has no node with the name or UUID r1n03\n",
    )


def test_nodes_of_vendors_are_taken_if_that_is_wanted(podium: Run, database: Database, url: str) -> None:
    done = podium("node", "import", "--from-ironic-db", url, "--vendor-types", "--only", "r2n[01-02]")
    assert done.stdout == "2 imported\n"
    assert {node.name: node.driver for node in enrolled(database).values()} == {
        "r2n01": "redfish",
        "r2n02": "ipmi",
    }


def test_a_machine_is_taken_twice_only_by_force(podium: Run, database: Database, url: str) -> None:
    done = podium("node", "import", "--from-ironic-db", url, "--only", "r1n01,r2n10", "--force")
    assert done.stdout == "2 imported\n"
    assert "r2n10: by its address it is the same machine as r1n01" in done.stderr
    assert sorted(enrolled(database)) == [uuid(1), uuid(19)]


def test_what_an_enrolled_node_has_is_not_taken_again(podium: Run, database: Database, url: str) -> None:
    podium("node", "import", "--from-ironic-db", url, "--only", "r1n[01-02]")
    other = "0b3c7f4e-8c1c-4f5b-9c57-0d6f6a1f3f10"
    with database.write() as connection:  # the same machines, enrolled by hand
        for number in (1, 2):
            connection.execute(
                sa.update(models.nodes)
                .where(models.nodes.c.uuid == uuid(number))
                .values(
                    uuid=other[:-1] + str(number), name=f"renamed-{number}", controller=None, identity=None
                )
            )
    done = podium("node", "import", "--from-ironic-db", url, "--only", "r1n[01-02]")
    assert done.stdout == "0 imported, 2 not taken\n"
    first, second = done.stderr.splitlines()[:2]
    assert "the port 52:54:00:00:00:01 is there already, of the node" in first
    assert f"the instance_uuid {uuid(502)} is that of an enrolled node" in second
    assert len(rows(database, models.ports)) == 2


def test_the_url_is_read_from_standard_input_and_never_from_the_command_line(
    podium: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(url[1:]).read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    done = podium("node", "import", "--from-ironic-db", "-", "--only", "r1n01")
    assert done.stdout == "1 imported\n"
    done = podium("node", "import", "--from-ironic-db", "mysql+pymysql://ironic:hunter2@db/ironic")
    assert done.returncode == 2
    assert "give @FILE, whose first line is the URL, or - for standard input" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_file_that_others_can_read_is_warned_of(podium: Run, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg2://ironic:hunter2@127.0.0.1:9/ironic?connect_timeout=2\n")
    for mode, warned in ((0o644, True), (0o640, False)):
        file.chmod(mode)
        done = podium("node", "import", "--from-ironic-db", f"@{file}")
        assert done.returncode == 1
        assert (f"other users of this machine can read {file}; chmod o-r {file}" in done.stderr) == warned
        assert (
            "Ironic's database postgresql+psycopg://ironic:***@127.0.0.1:9/ironic cannot be read"
            in done.stderr
        )
        assert "hunter2" not in done.stderr


def test_options_of_one_source_do_not_go_with_the_other(podium: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text(json.dumps({"nodes": []}))
    for arguments in (
        [f"{tmp_path}/nodes", "--from-ironic-db", url],
        [f"{tmp_path}/nodes", "--only", "r1n01"],
        [f"{tmp_path}/nodes", "--vendor-types"],
        [],
    ):
        assert podium("node", "import", *arguments).returncode == 2
