"""OpenStack's ``baremetal`` command, unchanged, with users and passwords: what each role may, and may not."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bcrypt
import pytest

from baremetal import Baremetal
from daemons import eventually
from doors import Door
from rounds import ONLY_LONG

#: Users with passwords like their names; the first has no role.
USERS: Final = ("stranger", "reader", "operator", "admin")
SETTINGS: Final = "readers = reader\noperators = operator\nadmins = admin\n"

pytestmark = list(ONLY_LONG)

#: What people look at.
READS: Final = (
    "node list --long",
    "node show n1",
    "node validate n1",
    "node history list n1",
    "node trait list n1",
    "node vif list n1",
    "node children list n1",
    "node firmware list n1",
    "node boot device show n1",
    "port list",
    "chassis list",
    "driver list",
    "driver property list fake-hardware",
    "conductor list",
    "shard list",
)
#: What switches machines, in an order in which each has an effect.
OPERATIONS: Final = (
    "node power on n1",
    "node reboot n1",
    "node inject nmi n1",
    "node boot device set n1 pxe",
    "node maintenance set n1 --reason fan",
    "node maintenance unset n1",
    "node power off n1",
)
#: What changes the fleet.
CHANGES: Final = (
    "node create --driver fake-hardware --name n2",
    "node set n1 --extra a=1",
    "node unset n1 --extra kept",
    "node manage n1",
    "node add trait n1 CUSTOM_A",
    "node remove trait n1 --all",
    "node vif attach n1 net",
    "port create 52:54:00:00:00:02 --node {uuid}",
    "port delete 52:54:00:00:00:01",
    "chassis create",
    "node delete n1",
)


@dataclass
class Stand:
    """A fleet of one node, and the command in the name of each user."""

    door: Door
    users: dict[str, Baremetal]
    uuid: str

    def state(self) -> Any:
        """Return what there is, as the admin sees it."""
        admin = self.users["admin"]
        return [admin.json(*one.split()) for one in ("node show n1", "port list", "chassis list")]

    def settle(self) -> None:
        """Wait until nothing is under way."""
        eventually(
            lambda: self.door.conductor.nodes()["n1"]["target_power_state"] is None, "the node is at rest"
        )


def login(url: str, name: str, password: str) -> list[str]:
    return [
        *("--os-auth-type", "http_basic", "--os-endpoint", url),
        *("--os-username", name, "--os-password", password),
    ]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("roles")
    hashes = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in USERS}
    users = folder / "htpasswd"
    users.write_text("".join(f"{name}:{one}\n" for name, one in hashes.items()))
    with contextlib.ExitStack() as stack:
        strategy = f"http_basic_auth_user_file = {users}"
        door = stack.enter_context(Door(folder, SETTINGS, strategy=strategy))
        stack.enter_context(door.conductor)
        them = {name: stack.enter_context(Baremetal(folder, *login(door.url, name, name))) for name in USERS}
        admin = them["admin"]
        uuid = admin.json("node", "create", "--driver", "fake-hardware", "--name", "n1", "--extra", "kept=1")
        admin.run("node", "manage", "n1", "--wait", "60")
        admin.run("port", "create", "52:54:00:00:00:01", "--node", uuid["uuid"])
        yield Stand(door, them, uuid["uuid"])


@pytest.mark.parametrize("role", ["reader", "operator", "admin"])
def test_everybody_with_a_role_may_look(stand: Stand, role: str) -> None:
    for command in READS:
        stand.users[role].json(*command.split())
    assert stand.users[role].json("node", "list", "--fields", "name") == [{"name": "n1"}]


def test_an_operator_switches_machines(stand: Stand) -> None:
    operator = stand.users["operator"]
    for command in OPERATIONS:
        operator.run(*command.split())
        stand.settle()
    shown = operator.json("node", "show", "n1")
    assert (shown["power_state"], shown["maintenance"], shown["last_error"]) == ("power off", False, None)
    events = operator.json("node", "history", "list", "n1", "--long")
    assert {event["user"] for event in events if "request" in event["event"]} == {"operator@127.0.0.1"}


def test_a_machine_that_is_never_switched_off_is_rebooted(stand: Stand) -> None:
    admin, operator = stand.users["admin"], stand.users["operator"]
    admin.run("node", "set", "n1", "--disable-power-off")
    operator.run("node", "power", "on", "n1")
    stand.settle()
    for command in ("node power off n1", "node power off n1 --soft"):
        said = operator.refused("--max-retries", "1", *command.split())
        assert "disable_power_off" in said and "(HTTP 409)" in said, (command, said)
    operator.run("node", "reboot", "n1")
    stand.settle()
    assert operator.json("node", "show", "n1")["power_state"] == "power on"
    admin.run("node", "set", "n1", "--enable-power-off")
    operator.run("node", "power", "off", "n1")
    stand.settle()


def test_a_name_that_is_taken_is_told_as_one(stand: Stand) -> None:
    command = "--max-retries 1 node create --driver fake-hardware --name n1"
    said = stand.users["admin"].refused(*command.split())
    assert "name n1" in said and "(HTTP 409)" in said


@pytest.mark.parametrize(
    ("role", "commands", "least"),
    [("reader", (*OPERATIONS, *CHANGES), ("operator", "admin")), ("operator", CHANGES, ("admin",))],
)
def test_what_a_role_may_not_is_refused_at_once_with_the_role_that_may(
    stand: Stand, role: str, commands: tuple[str, ...], least: tuple[str, ...]
) -> None:
    before = stand.state()
    for command in commands:
        said = stand.users[role].refused(*command.format(uuid=stand.uuid).split())
        assert "(HTTP 403)" in said and role in said, (command, said)
        assert any(f"this needs {one}" in said for one in least), (command, said)
    assert stand.state() == before


def test_a_user_without_a_role_may_nothing(stand: Stand) -> None:
    for command in (*READS[:3], OPERATIONS[0], CHANGES[0]):
        said = stand.users["stranger"].refused(*command.split())
        assert "(HTTP 403)" in said and "stranger" in said, (command, said)


def test_a_wrong_password_is_told_as_one(stand: Stand, tmp_path: Path) -> None:
    with Baremetal(tmp_path, *login(stand.door.url, "admin", "guess")) as baremetal:
        said = baremetal.refused("node", "list")
    assert "(HTTP 401)" in said and "guess" not in said
