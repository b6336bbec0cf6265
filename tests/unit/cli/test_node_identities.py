"""A machine is enrolled once, unless --force says otherwise."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.client.enrolling import identities
from podium.db import api
from podium.db.endpoints import slot_of
from podium.db.engine import Database
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.testing import make_driver, make_node

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_REMEDY = "correct the address, or use --force"


def create(
    podium: Run, name: str, driver: str, *more: str, **info: Any
) -> "subprocess.CompletedProcess[str]":
    given = [f"--driver-info={driver}_{key}={value}" for key, value in info.items()]
    return podium("node", "create", "--driver", driver, "--name", name, *given, *more)


def enrolled(database: Database) -> dict[str, api.NodeRecord]:
    with database.read() as connection:
        return {node.name: node for node in api.list_nodes(connection)}


@pytest.fixture
def import_file(podium: Run, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Imports a file with these nodes, each a name, a driver and its driver_info."""

    def run(
        *nodes: tuple[str, str, dict[str, Any]], force: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        rows = [{"name": name, "driver": driver, "driver_info": info} for name, driver, info in nodes]
        file = tmp_path / "nodes.json"
        file.write_text(json.dumps({"nodes": rows}))
        return podium("node", "import", str(file), *(["--force"] if force else []))

    return run


def test_a_second_node_for_a_machine_is_refused_and_names_the_first(podium: Run, database: Database) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    done = create(podium, "second", "ipmi", address="10.0.0.1", port=623)
    number = enrolled(database)["first"].uuid
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"podium: second: by its address it is the same machine as first ({number}); {_REMEDY}",
        "podium: nothing was changed",
    ]
    assert [*enrolled(database)] == ["first"]


def test_a_machine_may_be_enrolled_twice_by_force(podium: Run, database: Database) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    assert create(podium, "second", "ipmi", "--force", address="10.0.0.1").returncode == 0
    assert [*enrolled(database)] == ["first", "second"]


def test_another_protocol_at_the_same_address_is_the_same_machine(podium: Run) -> None:
    create(podium, "first", "ipmi", address="bmc7")
    assert "same machine as first" in create(podium, "second", "redfish", address="https://BMC7").stderr
    assert create(podium, "third", "redfish", address="https://bmc7:8443").returncode == 0


def test_systems_behind_one_bmc_differ(podium: Run) -> None:
    assert create(podium, "one", "redfish", address="bmc7", system_id="1").returncode == 0
    assert create(podium, "two", "redfish", address="bmc7", system_id="2").returncode == 0
    assert "same machine as two" in create(podium, "again", "redfish", address="bmc7", system_id="2").stderr
    assert "same machine as one" in create(podium, "only", "redfish", address="bmc7").stderr


def test_a_node_that_moves_to_the_address_of_another_is_refused(podium: Run, database: Database) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    create(podium, "second", "ipmi", address="10.0.0.2")
    for mover, address, other in (("first", "10.0.0.2", "second"), ("second", "10.0.0.1", "first")):
        done = podium("node", "set", mover, "--driver-info", f"ipmi_address={address}")
        assert done.stderr.startswith(f"podium: {mover}: by its address it is the same machine as {other} (")
        assert enrolled(database)[mover].driver_info["ipmi_address"] != address
    done = podium("node", "set", "first", "--force", "--driver-info", "ipmi_address=10.0.0.2")
    assert done.stdout == "1 changed\n"


def test_nodes_that_move_to_one_address_together_are_refused(podium: Run, database: Database) -> None:
    create(podium, "n1", "ipmi", address="10.0.0.1")
    create(podium, "n2", "ipmi", address="10.0.0.2")
    done = podium("node", "set", "n[1-2]", "--driver-info", "ipmi_address=10.0.0.3")
    assert "n2: by its address it is the same machine as n1" in done.stderr
    assert enrolled(database)["n1"].driver_info["ipmi_address"] == "10.0.0.1"


def test_a_node_that_shares_its_machine_already_can_be_changed_otherwise(podium: Run) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    create(podium, "second", "ipmi", "--force", address="10.0.0.1")
    assert (
        podium("node", "set", "second", "--extra", "owner=me", "--driver-info", "ipmi_username=root").stderr
        == ""
    )


def test_a_node_that_moved_away_leaves_its_place(podium: Run) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    podium("node", "set", "first", "--driver-info", "ipmi_address=10.0.0.2")
    assert create(podium, "second", "ipmi", address="10.0.0.1").returncode == 0
    assert (
        "same machine as second"
        in podium("node", "set", "first", "--driver-info", "ipmi_address=10.1").stderr
    )
    podium("node", "delete", "second")
    assert podium("node", "set", "first", "--driver-info", "ipmi_address=10.1").returncode == 0


def test_machines_of_a_file_are_compared_with_one_another_and_with_those_enrolled(
    podium: Run, database: Database, import_file: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    create(podium, "old", "ipmi", address="10.0.0.1")
    rows = [
        ("one", "ipmi", {"ipmi_address": "10.0.0.2"}),
        ("two", "ipmi", {"ipmi_address": "10.2"}),
        ("three", "ipmi", {"ipmi_address": "10.0.0.3"}),
        ("four", "redfish", {"redfish_address": "10.0.0.1"}),
    ]
    done = import_file(*rows)
    number = enrolled(database)["old"].uuid
    assert done.stderr.splitlines() == [
        f"podium: node 2 (two): by its address it is the same machine as node 1 (one); {_REMEDY}",
        f"podium: node 4 (four): by its address it is the same machine as old ({number}); {_REMEDY}",
        "podium: nothing was changed",
    ]
    assert [*enrolled(database)] == ["old"]
    assert import_file(*rows, force=True).stdout == "4 imported\n"


def test_a_thousand_nodes_of_one_machine_are_reported_in_fifty_lines_and_a_count(
    import_file: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    rows = [(f"n{number}", "ipmi", {"ipmi_address": "10.0.0.1"}) for number in range(1000)]
    lines = import_file(*rows).stderr.splitlines()
    assert (len(lines), lines[-2]) == (52, "podium: and 949 more")


def test_nodes_whose_driver_names_no_machine_are_not_compared(podium: Run) -> None:
    assert create(podium, "first", "fake").returncode == 0
    assert create(podium, "second", "fake").returncode == 0


def test_an_identity_is_not_shown(podium: Run) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    for command in (["show", "first"], ["list", "--long"]):
        assert "bmc:10.0.0.1" not in podium("node", *command, "-f", "json").stdout


def test_each_upgrade_warns_of_machines_that_are_enrolled_twice(podium: Run, database: Database) -> None:
    addresses = {f"n{i:02}": "10.0.0.1" for i in range(30)} | {f"m{i}": f"10.0.1.{i // 2}" for i in range(50)}
    with database.write() as connection:
        api.create_nodes(
            connection,
            [
                {"name": name, "driver": "ipmi", "driver_info": {"ipmi_address": address}}
                for name, address in addresses.items()
            ],
        )
    for _ in range(2):
        done = podium("db", "upgrade")
        lines = done.stderr.splitlines()
        assert lines[:2] == [
            "podium: warning: n[01-29]: by their addresses they are the same machine as n00",
            "podium: warning: m1: by its address it is the same machine as m0",
        ]
        assert (done.returncode, len(lines), lines[-1]) == (0, 21, "podium: warning: and 6 more")


def test_what_is_enrolled_by_force_is_named(
    podium: Run, import_file: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    create(podium, "first", "ipmi", address="10.0.0.1")
    done = create(podium, "second", "ipmi", "--force", address="10.0.0.1")
    assert "podium: warning: second: by its address it is the same machine as first\n" in done.stderr
    rows = [(f"n{i}", "ipmi", {"ipmi_address": f"10.0.0.{1 + i // 3}"}) for i in range(6)]
    done = import_file(*rows, force=True)
    assert done.stdout == "6 imported\n"
    assert done.stderr.splitlines() == [
        "podium: warning: n[0-2]: by their addresses they are the same machine as first",
        "podium: warning: n[4-5]: by their addresses they are the same machine as n3",
    ]
    done = podium("node", "set", "n3", "--force", "--driver-info", "ipmi_address=10.0.0.1")
    assert done.stderr == "podium: warning: n3: by its address it is the same machine as first\n"


def test_an_upgrade_names_the_machines_of_nodes_that_are_there(podium: Run, database: Database) -> None:
    rows = [
        {"name": "old", "driver": "ipmi", "driver_info": {"ipmi_address": "10.0.0.1"}},
        {"name": "broken", "driver": "ipmi", "driver_info": {"ipmi_adress": "10.0.0.1"}},
        {
            "name": "foreign",
            "driver": "acme",
            "driver_info": {},
            "identity": "acme:1",
            "controller": "acme:1",
        },
    ]
    with database.write() as connection:
        api.create_nodes(connection, rows)
    assert create(podium, "unseen", "ipmi", address="10.0.0.1").returncode == 0
    podium("node", "delete", "unseen")
    done = podium("db", "upgrade")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "podium: warning: which machines the nodes with the driver acme are, and what is behind one address,"
        " is not known: there is no driver acme;"
    )
    assert "same machine as old" in create(podium, "seen", "ipmi", address="10.0.0.1").stderr
    nodes = enrolled(database)
    assert (nodes["broken"].identity, nodes["foreign"].identity) == (None, "acme:1")


@pytest.mark.parametrize("named", ["slot:a b", " slot:a", "slot:a\tb", "", 7])
def test_an_identity_with_blanks_is_refused_as_driver_check_does(named: Any) -> None:
    driver = make_driver(FakeDriver)
    driver.identity = lambda node: named
    with pytest.raises(ValueError, match="other than a printable text without blanks"):
        identities.identity(driver, make_node("fake"))


def slots_of(database: Database) -> dict[str, tuple[str | None, int]]:
    return {name: (node.endpoint, node.slot) for name, node in enrolled(database).items()}


def test_nodes_behind_one_address_share_a_slot_and_others_have_their_own(
    podium: Run, database: Database, import_file: Callable[..., "subprocess.CompletedProcess[str]"]
) -> None:
    create(podium, "one", "redfish", address="https://BMC7/", system_id="1")
    import_file(
        ("two", "redfish", {"redfish_address": "bmc7", "redfish_system_id": "2"}), ("alone", "fake", {})
    )
    found = slots_of(database)
    assert found["one"] == found["two"] == ("bmc7", slot_of("bmc7"))
    assert found["alone"] == (None, slot_of(enrolled(database)["alone"].uuid))


def test_a_node_that_moves_to_another_address_moves_to_its_slot(podium: Run, database: Database) -> None:
    create(podium, "n1", "ipmi", address="10.0.0.1")
    podium("node", "set", "n1", "--driver-info", "ipmi_address=10.0.0.2")
    assert slots_of(database)["n1"] == ("10.0.0.2", slot_of("10.0.0.2"))
    podium("node", "set", "n1", "--driver", "fake", "--unset-driver-info", "ipmi_address")
    assert slots_of(database)["n1"] == (None, slot_of(enrolled(database)["n1"].uuid))


def test_an_upgrade_puts_nodes_that_are_there_into_the_slots_of_what_is_spoken_to(
    podium: Run, database: Database
) -> None:
    rows = [{"name": f"n{i}", "driver": "fake", "driver_info": {"fake_address": "pdu7"}} for i in range(3)]
    with database.write() as connection:
        api.create_nodes(connection, [*rows, {"name": "alone", "driver": "fake"}])
    before = enrolled(database)
    podium("db", "upgrade")
    after = enrolled(database)
    assert {after[f"n{i}"].slot for i in range(3)} == {slot_of("pdu7")}
    assert all(after[f"n{i}"].version > before[f"n{i}"].version for i in range(3)), "conductors notice"
    assert after["alone"] == before["alone"]
    podium("db", "upgrade")
    assert enrolled(database) == after, "and the next time nothing"


@pytest.mark.parametrize("named", ["a b", "", 7])
def test_an_endpoint_with_blanks_is_refused_as_driver_check_does(named: Any) -> None:
    driver = type("Spaced", (FakeDriver,), {"endpoint": lambda self, node: named})("fake", None)
    with pytest.raises(ValueError, match="other than a printable text without blanks"):
        identities.endpoint(driver, make_node("fake"))


def test_a_driver_that_fails_to_name_what_is_spoken_to_shows_no_secret() -> None:
    class Failing(FakeDriver):
        def endpoint(self, node: base.Node) -> str:
            raise RuntimeError(f"no endpoint with {node.driver_info}")

    with pytest.raises(ValueError, match="fake failed to name what is spoken to") as caught:
        identities.endpoint(Failing("fake", None), make_node("fake", {"fake_password": "Xyzzy-40"}))
    assert "Xyzzy-40" not in str(caught.value)
