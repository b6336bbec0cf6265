"""The ledger from outside: programs are told of all events, and followed ones end as a pipe does."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from daemons import PATIENCE, Daemon, eventually
from rounds import only_long
from servers import Server


def take_notes(folder: Path) -> str:
    """The configuration of a program that notes every event in a file, and fails while a file is there."""
    script = folder / "notify"
    script.write_text(
        f"#!/bin/sh\n[ ! -e {folder}/down ] && cat >> {folder}/notes && echo >> {folder}/notes\n"
    )
    script.chmod(0o755)
    return f"[notifications]\nexec = {script}\ncauses = all\n[conductor]\nsync_power_state_interval = 1\n"


def notes(folder: Path) -> list[dict[str, Any]]:
    path = folder / "notes"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def identities(folder: Path) -> list[str]:
    return [note["id"] for note in notes(folder)]


def ledger(daemon: Daemon, *nodes: str) -> list[str]:
    """What the notifications of all events, or those of some nodes, must have as their ids."""
    rows = json.loads(daemon.podium("events", *nodes, "--limit", "10000", "-f", "json").stdout)
    return [f"{row['worker'].partition('@')[0]}/{row['id']}" for row in rows]


def enrol(daemon: Daemon, *names: str) -> None:
    file = daemon.folder / "nodes.json"
    file.write_text(json.dumps({"nodes": [{"name": name, "driver": "fake"} for name in names]}))
    daemon.podium("node", "import", str(file))


def test_a_program_is_told_of_every_event_over_failures_and_a_killed_daemon(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, take_notes(tmp_path))
    with daemon:
        enrol(daemon, "n1", "n2")
        eventually(lambda: len(notes(tmp_path)) == 2, "both first readings are told")
        daemon.podium("node", "power", "on", "n1", "--wait", "--reason", "a test")
        told = eventually(lambda: notes(tmp_path)[2:], "the request is told")[0]
        assert (told["type"], told["subject"]) == ("org.podium.power.request", "n1")
        assert told["data"]["reason"] == "a test"
        assert told["data"]["operation"] is not None

        (tmp_path / "down").touch()
        daemon.podium("node", "power", "off", "n1", "n2", "--wait")
        eventually(lambda: "Notifications to exec " in daemon.text(), "the log tells of the failure")
        daemon.kill()
    (tmp_path / "down").unlink()
    missed = ledger(daemon)
    with daemon:
        eventually(lambda: set(missed) <= {*identities(tmp_path)}, "nothing was lost")
        assert daemon.stop() == 0
    # What was taken just before the kill may come twice, but never out of order.
    assert list(dict.fromkeys(identities(tmp_path))) == ledger(daemon)


def test_another_conductor_goes_on_where_a_killed_one_was(tmp_path: Path, postgresql_server: Server) -> None:
    text = take_notes(tmp_path)
    url = postgresql_server.url(postgresql_server.create_migrated_database())
    with ExitStack() as stack:
        daemons = []
        for host in ("c1", "c2"):
            (tmp_path / host).mkdir()
            daemons.append(stack.enter_context(Daemon(tmp_path / host, text, url=url, host=host)))
        enrol(daemons[0], "n1", "n2", "n3", "n4")
        eventually(lambda: len(notes(tmp_path)) == 4, "the first readings are told")
        (first,) = (one for one in daemons if "This conductor notifies" in one.text())
        (second,) = (one for one in daemons if one is not first)

        (tmp_path / "down").touch()
        second.podium("node", "power", "on", "n[1-4]", "--wait")
        eventually(lambda: "Notifications to exec " in first.text(), "the log tells of the failure")
        first.kill()
        second.podium("conductor", "forget", first.host, "--yes")  # rather than wait for the end of its lease
        (tmp_path / "down").unlink()
        eventually(lambda: set(ledger(second)) <= {*identities(tmp_path)}, "nothing was lost")
        assert "This conductor notifies" in second.text()
        second.podium("node", "power", "off", "n[1-4]", "--wait")
        eventually(lambda: set(ledger(second)) <= {*identities(tmp_path)}, "and it goes on")
    for node in ("n1", "n2", "n3", "n4"):
        told = [note["id"] for note in notes(tmp_path) if note["subject"] == node]
        assert list(dict.fromkeys(told)) == ledger(second, node)


@contextmanager
def following(daemon: Daemon) -> "Iterator[subprocess.Popen[str]]":
    """`podium events --follow`, which prints the power's history from its beginning."""
    command = [daemon.bin / "podium", "--config-file", daemon.config, "events"]
    command += ["--since", "1h", "--follow", "-f", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_events_are_followed_until_ctrl_c(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        enrol(daemon, "n1")
        with following(daemon) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["cause"] == "first reading"
            daemon.podium("node", "power", "on", "n1", "--wait")
            event = json.loads(process.stdout.readline())
            assert (event["node"], event["cause"], event["to_state"]) == ("n1", "request", "power on")
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE) == ("", "")
            assert process.returncode == 0


def test_a_reader_of_followed_events_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        enrol(daemon, "n1")
        with following(daemon) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(process.stdout.readline())["node"] == "n1"
            process.stdout.close()
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == ""


@only_long
def test_a_wrong_filter_is_refused_at_a_reload_and_workers_begin_again_without_it(tmp_path: Path) -> None:
    with Daemon(tmp_path, f"{take_notes(tmp_path)}workers = 1\n") as daemon:
        assert daemon.process is not None
        text = daemon.config.read_text()
        daemon.config.write_text(f"{text}[notifications]\nwhere = nme=x\n")
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: "not reloaded, all values stay" in daemon.text(), "the reload is refused")
        assert "[notifications] where = nme=x cannot be used: there is no field nme" in daemon.text()
        os.kill(min(daemon.children()), signal.SIGKILL)
        eventually(lambda: daemon.text().count(" owns ") == 2, "another worker has taken its place")
        enrol(daemon, "n1")
        eventually(lambda: notes(tmp_path), "events are delivered as before")
        assert daemon.stop() == 0
