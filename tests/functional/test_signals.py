"""Signals that a daemon gets before it is ready, while it runs, and while it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from apis import Api
from daemons import Daemon, eventually
from rounds import rest_is_long

WORKERS: Final = "[conductor]\nworkers = 2\n"
#: What the script podium-conductor does.
PROGRAM: Final = "import sys; from podium.startup import main; sys.exit(main())"


class FromTheStart(Daemon):
    """A daemon whose first steps are watched."""

    def launch(self, **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "--config-file", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | environment,
            )
        return self.process

    def disposition(self, which: str) -> int:
        """The mask of signals in a line of proc(5), /proc/pid/status."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(f"{which}:")).split()[1], 16)


def bit(number: signal.Signals) -> int:
    return 1 << (number - 1)


def test_a_storm_of_reloads_from_the_first_lines_of_the_program_to_its_end_harms_nothing(
    tmp_path: Path,
) -> None:
    daemon = FromTheStart(tmp_path, WORKERS)
    process = daemon.launch()
    # Ignored at first and handled later, by which time it may be that this process looks.
    while not (daemon.disposition("SigIgn") | daemon.disposition("SigCgt")) & bit(signal.SIGHUP):
        assert process.poll() is None

    def storm(what: str, until: Callable[[], bool]) -> None:
        eventually(lambda: process.send_signal(signal.SIGHUP) or until(), what)

    storm("both workers are ready", lambda: process.poll() is not None or daemon.text().count(" owns ") == 2)
    assert process.poll() is None, daemon.text()
    process.terminate()
    storm("it ends", lambda: process.poll() is not None)
    assert process.returncode == 0, daemon.text()
    assert "Traceback" not in daemon.text()


@rest_is_long("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_is_ended_in_its_first_moments_says_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    daemon = FromTheStart(tmp_path)
    # Nobody writes into it, so that the daemon comes no further than to the reading of it.
    daemon.config.unlink()
    os.mkfifo(daemon.config)
    process = daemon.launch()
    while not daemon.disposition("SigCgt") & bit(signal.SIGTERM):  # the last one that it sets
        assert process.poll() is None
    assert daemon.stop(number) == 0
    assert daemon.text() == ""


def test_a_reload_is_logged_once_with_what_it_did(tmp_path: Path) -> None:
    with Daemon(tmp_path, WORKERS) as daemon:
        eventually(lambda: daemon.text().count(" owns ") == 2, "both workers are ready")
        assert daemon.process is not None

        def lines_of_a_reload(text: str, last: str) -> list[str]:
            before = len(daemon.text().splitlines())
            daemon.write(WORKERS + text)
            daemon.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
            eventually(lambda: last in daemon.text(), last)
            daemon.write(WORKERS)  # for the command
            daemon.podium("task", "run", "conductor.sync_power_status")  # the workers have reloaded by then
            lines = daemon.text().splitlines()[before:]
            return [line.partition("] ")[2] for line in lines if ".tasks.commands " not in line]

        where = str(daemon.config)
        assert lines_of_a_reload("", "no value changed") == [f"Reloaded {where}: no value changed"]
        assert lines_of_a_reload("sync_power_state_interval = 7\n", "values changed: 1") == [
            "Option conductor.sync_power_state_interval changed from [None] to [7]",
            f"Reloaded {where}: values changed: 1",
        ]
        (line,) = lines_of_a_reload("sync_power_state_interval = x\n", "stay as they were")
        assert "sync_power_state_interval = x" in line
        assert daemon.stop() == 0


@rest_is_long("workers", [2, 1])
def test_reloads_while_podium_api_starts_and_ends_harm_nothing(tmp_path: Path, workers: int) -> None:
    api = Api(tmp_path, f"api_workers = {workers}\n")
    with api:
        process = api.process
        assert process is not None
        eventually(lambda: process.send_signal(signal.SIGHUP) or "Reloaded " in api.text(), "a reload")
        assert api.get().status == 200
        process.terminate()
        eventually(lambda: process.send_signal(signal.SIGHUP) or process.poll() is not None, "it ends")
        assert process.returncode == 0, api.text()
    assert "Traceback" not in api.text()
