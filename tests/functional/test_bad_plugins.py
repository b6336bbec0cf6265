"""A fleet on IPMI beside plugins that do everything wrong: its rhythm holds, and the culprits are named."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemons import Daemon, Rack, eventually
from podium.db import api
from podium.db.engine import Database
from rounds import only_long, rest_is_long

PLUGIN = '''
import asyncio, logging, os, threading, time
from oslo_log import log
from podium import states
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver


class Plain(base.Driver):
    """A bad plugin."""
    def get_power_state(self, node): return states.POWER_OFF
    def set_power_state(self, node, target): pass


class SameOne(Plain):
    """Has a check_status."""
    @base.driver_periodic_task(spacing=1)
    def check_status(self, manager, context): pass


class SameTwo(SameOne):
    """Has one too."""


class NeverReturns(Plain):
    """A plain task of it never returns."""
    @base.driver_periodic_task(spacing=1, deadline=2)
    def hang(self, manager, context): threading.Event().wait()


class BlocksLoop(Plain):
    """Blocks its own loop."""
    @base.driver_periodic_task(spacing=1, deadline=2)
    async def block(self, manager, context): time.sleep(3600)


class Raises(Plain):
    """Raises what ends programs."""
    @base.driver_periodic_task(spacing=1)
    async def leave(self, manager, context): raise SystemExit(7)

    @base.driver_periodic_task(spacing=1)
    def interrupt(self, manager, context): raise KeyboardInterrupt


class Leaks(Plain):
    """Leaves tasks, threads and files behind."""
    @base.driver_periodic_task(spacing=1)
    async def leak(self, manager, context):
        self.kept = [*getattr(self, "kept", []), os.open("/dev/null", os.O_RDONLY)]
        asyncio.get_running_loop().create_task(asyncio.Event().wait())
        threading.Thread(target=threading.Event().wait, daemon=True).start()


class Many(Plain):
    """Has 500 tasks."""


for number in range(500):
    async def nothing(self, manager, context): pass
    task = base.driver_periodic_task(spacing=1, name=f"task_{number}")(nothing)
    setattr(Many, f"task_{number}", task)


class NewerIPMI(IPMIDriver):
    """A subclass of ipmi."""


class NoStart(Plain):
    """Does not start."""
    def start(self): raise OSError("no such device")


class Late(Plain):
    """Starts when a file is there."""
    async def start(self):
        while not os.path.exists(os.environ["LET_LATE_START"]):
            await asyncio.sleep(0.05)

    @base.driver_periodic_task(spacing=1)
    def look(self, manager, context): pass


class NoSuper(Plain):
    """Knows neither its name nor its options."""
    def __init__(self, name, options): self.ready = True


class Wrong(Plain):
    """Declares what cannot be used."""
    properties = {"port": "its port"}
    supported_power_states = ["on", "off"]


class Exits(Plain):
    """Ends programs."""
    def __init__(self, name, options): raise SystemExit(3)


class Mute(Exception):
    def __str__(self): raise RuntimeError("no words")


class Talks(Plain):
    """Logs what it is given, and raises what cannot say what it is."""
    properties = {"talks_password": base.Property("the password", secret=True)}

    def get_power_state(self, node):
        logging.getLogger("talks").warning("reads with %s", node.driver_info)
        log.getLogger("talks").warning("once more with " + node.driver_info["talks_password"])
        raise Mute


class Twice(SameOne):
    """Has two tasks of one name."""
    @base.driver_periodic_task(spacing=1, name="check_status")
    def check_again(self, manager, context): pass
'''

DRIVERS = {
    "same1": "SameOne", "same2": "SameTwo", "hangs": "NeverReturns", "blocks": "BlocksLoop",
    "raises": "Raises", "leaks": "Leaks", "many": "Many", "ipmi2": "NewerIPMI",
}  # fmt: skip


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin package, installed for the daemons that a test starts."""
    folder = tmp_path / "plugins"
    info = folder / "bad_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "bad_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n")
    lines = [f"{name} = bad_plugin:{cls}" for name, cls in DRIVERS.items()]
    lines += ["absent = bad_plugin:Absent", "broken = bad_plugin_broken:Driver"]
    lines += [
        "talks = bad_plugin:Talks",
        "nostart = bad_plugin:NoStart",
        "twice = bad_plugin:Twice",
        "nosuper = bad_plugin:NoSuper",
    ]
    lines += ["late = bad_plugin:Late", "wrong = bad_plugin:Wrong", "exits = bad_plugin:Exits"]
    (folder / "bad_plugin_broken.py").write_text("raise SystemExit('at import')\n")
    (info / "entry_points.txt").write_text("\n".join(["[podium.drivers]", *lines, ""]))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    with Rack(tmp_path, 48) as running:
        yield running


@only_long
def test_with_every_bad_plugin_loaded_the_fleet_keeps_its_rhythm_and_the_culprits_are_named(
    tmp_path: Path, rack: Rack, plugins: Path
) -> None:
    text = "sync_power_state_interval = 1\n[periodic_tasks]\nspacing = ipmi.check_status:1\n"
    text += "deadline = ipmi.check_status:60\n"  # which is one of a call for one node
    enabled = f"enabled_drivers = ipmi,{','.join(DRIVERS)}\ngraceful_shutdown_timeout = 10"
    with Daemon(tmp_path, text, default=enabled) as daemon:
        daemon.podium("node", "import", str(rack.nodes))

        def tasks() -> dict[str, dict[str, Any]]:
            return daemon.rows("task", "list")

        before = eventually(lambda: (rows := tasks())["hangs.hang"]["deadline_misses"] and rows, "it hangs")
        after = eventually(
            lambda: (
                (rows := tasks())["ipmi.check_status"]["runs"] >= before["ipmi.check_status"]["runs"] + 5
                and rows
            ),
            "ipmi goes on",
        )
        assert {name: after[name]["state"] for name in ("hangs.hang", "blocks.block")} == {
            "hangs.hang": "late",
            "blocks.block": "late",
        }
        assert "raised SystemExit" in after["raises.leave"]["last_error"]
        assert "raised KeyboardInterrupt" in after["raises.interrupt"]["last_error"]
        assert after["same1.check_status"]["runs"] > 3
        assert after["same2.check_status"]["runs"] > 3
        for name in ("ipmi.check_status", "conductor.sync_power_status"):
            assert after[name]["deadline_misses"] == 0
        # On a machine that is busy with more, the loop of another may halt as well.
        stalls = re.findall(r"Driver blocks stalls its own event loop .*", daemon.text())
        assert len(stalls) == 1
        assert "BlocksLoop.block" in stalls[0]
        now = datetime.now(UTC)
        eventually(
            lambda: all(row["power_checked_at"] > now for row in daemon.nodes().values()),
            "all are read again",
        )
        daemon.podium("node", "power", "on", "r1n01", "--wait")
        daemon.stop()


@rest_is_long(
    ("name", "words"),
    [
        ("absent", "driver absent (package bad-plugin, entry point bad_plugin:Absent) cannot be imported"),
        ("broken", "driver broken (package bad-plugin, entry point bad_plugin_broken:Driver) cannot be"),
        (
            "nostart",
            "(package bad-plugin, entry point bad_plugin:NoStart): start() failed: OSError: no such device",
        ),
        (
            "twice",
            "(package bad-plugin, entry point bad_plugin:Twice): 2 periodic tasks are named check_status;",
        ),
        (
            "nosuper",
            "(package bad-plugin, entry point bad_plugin:NoSuper): its __init__ does not call super()",
        ),
        (
            "wrong",
            "bad_plugin:Wrong): property port is a value of the type str, not a podium.drivers.base.Property;"
            " supported_power_states has 'on', not one of ",
        ),
        ("exits", "(package bad-plugin, entry point bad_plugin:Exits) cannot be made: SystemExit: 3"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_stops_the_daemon_or_is_skipped_as_configured(
    tmp_path: Path, plugins: Path, name: str, words: str
) -> None:
    daemon = Daemon(tmp_path, default=f"enabled_drivers = fake,{name}")
    daemon.launch()
    assert daemon.wait() == 1
    assert words in daemon.text()
    assert "Traceback" not in daemon.text()
    daemon.default += "\ndriver_startup_errors = skip"
    daemon.write("")
    with daemon:
        assert "Started without it: driver" in daemon.text()
        assert daemon.rows("conductor", "list")["here"]["drivers"] == ["fake"]
        assert daemon.stop() == 0


@only_long
def test_a_driver_that_hangs_in_its_start_holds_up_no_other_and_joins_when_it_has_started(
    tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = tmp_path / "let_go"
    monkeypatch.setenv("LET_LATE_START", str(let_go))
    text = "[conductor]\nsync_power_state_interval = 1\n"
    default = "enabled_drivers = fake,late\ndriver_startup_errors = skip"
    with Daemon(tmp_path, text, default=default) as daemon:
        assert re.search(
            r"Started without it, until it is there: driver late \(package bad-plugin, entry point"
            r" bad_plugin:Late\): start\(\) did not end within 5 s in Late\.start \(",
            daemon.text(),
        )
        database = Database(daemon.url)
        with database.write() as connection:
            api.create_nodes(connection, [{"name": "n1", "driver": "fake"}, {"name": "l1", "driver": "late"}])
        database.dispose()
        daemon.podium("node", "power", "on", "n1", "--wait")
        assert daemon.rows("conductor", "list")["here"]["drivers"] == ["fake"]
        let_go.touch()
        eventually(lambda: daemon.nodes()["l1"]["power_state"] == "power off", "its node is read")
        eventually(lambda: daemon.rows("task", "list").get("late.look", {}).get("runs"), "its task runs")
        assert daemon.rows("conductor", "list")["here"]["drivers"] == ["fake", "late"]
        assert daemon.stop() == 0


def test_what_a_driver_logs_shows_no_secret_and_an_error_without_words_is_a_failure(
    tmp_path: Path, plugins: Path
) -> None:
    interval = "[conductor]\nsync_power_state_interval = 1\n"
    with Daemon(tmp_path, interval, default="enabled_drivers = talks") as daemon:
        info = {"talks_password": "hunter2"}
        database = Database(daemon.url)
        with database.write() as connection:
            api.create_nodes(connection, [{"name": "m1", "driver": "talks", "driver_info": info}])
        database.dispose()
        eventually(lambda: (daemon.nodes()["m1"]["power_failures"] or 0) > 1, "it is read again")
        assert "Mute whose str() raises RuntimeError" in daemon.nodes()["m1"]["last_error"]
        assert daemon.stop() == 0
        assert "reads with {'talks_password': '******'}" in daemon.text()
        assert "once more with ******" in daemon.text()
        assert "Mute whose str() raises RuntimeError" in daemon.text()
        assert "hunter2" not in daemon.text()
