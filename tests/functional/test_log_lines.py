"""What one daemon with several workers logs comes once, and no words come twice in a line."""

import collections
import contextlib
import re
import signal
import sqlite3
from pathlib import Path

from daemons import Daemon, eventually
from podium.db import api, power
from podium.db.engine import Database
from rounds import only_long
from templates import prepared

WORKERS = "[conductor]\nworkers = 2\n"
DRIVER = '''
from podium.drivers import base


class Acme(base.Driver):
    """Its task fails for every node, and so do its power commands."""

    async def get_power_state(self, node):
        return "power off"

    async def set_power_state(self, node, target):
        raise ConnectionRefusedError("ConnectionRefusedError: nobody listens")

    @base.node_periodic_task(spacing=1)
    async def each(self, node, manager, context):
        raise ConnectionRefusedError(111, "Connection refused")
'''


def write_plugins(folder: Path) -> None:
    """A driver with a task that fails, and one that cannot be imported."""
    package = folder / "acme-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[podium.drivers]\nacme = acme_driver:Acme\nbroken = acme_broken:Acme\n"
    )
    (folder / "acme_driver.py").write_text(DRIVER)
    (folder / "acme_broken.py").write_text("import nothing_there\n")


def messages(daemon: Daemon) -> list[str]:
    """The log's lines but for tracebacks, without time, process and request id."""
    lines = re.findall(r"^\S+ \S+ \d+ [A-Z]+ \S+ \[[^]]*\] (.*)$", daemon.text(), re.M)
    return [line for line in lines if line]


def ask(daemon: Daemon) -> None:
    """Enrol a node of the driver acme, unknown to commands of this process, and ask for its power."""
    database = Database(daemon.url)
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "acme"}])
        power.ask(connection, api.find_nodes(connection, ["n1"]), "power on", who="ann@desk", timeout=1.0)
    database.dispose()


@only_long
def test_a_second_daemon_of_the_same_name_says_that_it_waits_and_ends_soon_with_status_1(
    tmp_path: Path,
) -> None:
    with Daemon(tmp_path, WORKERS) as first:
        (tmp_path / "second").mkdir()
        second = Daemon(tmp_path / "second", WORKERS, url=first.url)
        second.launch()
        try:
            assert second.wait() == 1
        finally:
            second.__exit__()
        waits, line = messages(second)
        assert waits.startswith(
            "here/0 waits to see whether the conductor here that is in this database lives"
        )
        assert line.startswith("a conductor with the host name here is alive on this database")
        assert first.stop() == 0


def test_a_start_that_another_programs_lock_prevents_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/podium.sqlite?timeout=0.2"
    prepared(url).dispose()
    daemon = Daemon(tmp_path, WORKERS, url=url)
    with contextlib.closing(sqlite3.connect(tmp_path / "podium.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        daemon.launch()
        try:
            assert daemon.wait() == 1
        finally:
            daemon.__exit__()
    (line,) = daemon.text().splitlines()
    assert line.startswith("podium-conductor: ")
    assert "database is locked; another program holds its write lock" in line


@only_long
def test_no_line_of_a_start_a_reload_failing_tasks_and_the_end_comes_twice(tmp_path: Path) -> None:
    write_plugins(tmp_path / "plugins")
    text = f"{WORKERS}no_option = 1\n[periodic_tasks]\nspacing = acme.ech:3\n"
    daemon = Daemon(
        tmp_path, text, default="enabled_drivers = fake, acme, broken\ndriver_startup_errors = skip"
    )
    process = daemon.launch(PYTHONPATH=str(tmp_path / "plugins"))
    try:
        eventually(lambda: daemon.text().count(" owns ") == 2, "both workers are ready")
        ask(daemon)
        eventually(lambda: "power on failed" in daemon.text(), "the change fails")
        eventually(lambda: "acme.each failed for n1" in daemon.text(), "the task fails")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "no value changed" in daemon.text(), "the reload")
        assert daemon.stop() == 0
    finally:
        daemon.__exit__()
    found = [line for line in messages(daemon) if "now runs every" not in line]
    twice = {line: count for line, count in collections.Counter(found).items() if count > 1}
    assert twice == {}
    for line in found:
        assert not re.search(r"(\S{5,}): \1: ", f"{line}: "), line
    assert any("fault of the driver acme: ConnectionRefusedError: nobody listens" in line for line in found)
    assert daemon.text().count("Traceback") == 1
