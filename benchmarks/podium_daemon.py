"""Podium measured from outside: the daemon, the command, and the database afterwards."""

import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from databases import Database, Reader
from processes import Program, run
from rack import BIN

_TASK: Final = "conductor.sync_power_status"
_IMPORT: Final = 300.0
_READY: Final = 120.0
_SWEEP: Final = 300.0
_REST: Final = 2.0
#: Readings written together share the oldest of their times. Less than the pause between two sweeps.
_SHARED: Final = timedelta(seconds=1.5)
_BEFORE: Final = datetime(1970, 1, 2, tzinfo=UTC)
#: Longer than any measurement: only requested sweeps run.
_NEVER: Final = 86_400
#: Driver tasks that also send commands to the BMCs.
_UNMEASURED: Final = ("check_status", "collect_inventory")


@dataclass(frozen=True)
class Sweep:
    """One sweep of all nodes.

    :param seconds: the duration of the sweep
    :param lag: the most seconds from its end until the last reading was visible in the database, if known
    :param cpu: CPU seconds of the daemon's processes
    :param database_cpu: CPU seconds of the database server
    """

    seconds: float
    lag: float | None
    cpu: float
    database_cpu: float


class Daemon(Program):
    """A ``podium-conductor`` with its own database; ``with`` starts it.

    :param folder: an empty folder for its files
    :param driver: the only driver that is loaded
    :param options: more options for its config file
    :param programs: the folder of podium-conductor and podium
    :param host: its name among the conductors of the database
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        *,
        driver: str = "ipmi",
        workers: int = 1,
        options: str = "",
        programs: Path = BIN,
        host: str = "benchmark",
    ) -> None:
        folder.mkdir()
        self._host = host
        self._folder = folder
        self._database = database
        self._driver = driver
        self._workers = workers
        self._said = options
        self._config = folder / "podium.conf"
        self.reader = Reader(database.url)
        self._at_rest = 0.0, 0.0
        self._programs = programs
        command: list[str | Path] = [programs / "podium-conductor", "--config-file", self._config]
        ready = folder / "ready"
        super().__init__(command, folder / "log", env=os.environ | {"NOTIFY_SOCKET": str(ready)})
        self._listener = ready
        self._configure(_NEVER)

    def _configure(self, interval: int) -> None:
        workers = f"workers = {self._workers}\n" if self._workers > 1 else ""
        self._config.write_text(
            f"[DEFAULT]\nhost = {self._host}\nstate_path = {self._folder}\nenabled_drivers = {self._driver}\n"
            f"use_stderr = true\n"
            f"[database]\nconnection = {self._database.url}\n"
            f"[conductor]\nsync_power_state_interval = {interval}\n{workers}"
            f"[periodic_tasks]\ndisabled = {','.join(f'{self._driver}.{task}' for task in _UNMEASURED)}\n"
            f"{self._said}"
        )

    def enrol(self, nodes: list[dict[str, Any]]) -> float:
        """Create the tables and import nodes. Returns the seconds that the import takes."""
        file = self._folder / "nodes.json"
        file.write_text(json.dumps({"nodes": nodes}))
        self.podium("db", "upgrade")
        started = time.monotonic()
        self.podium("node", "import", file, timeout=_IMPORT)
        return time.monotonic() - started

    def __enter__(self) -> "Daemon":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(self._listener))
            listener.setblocking(False)
            started = time.monotonic()
            super().__enter__()
            try:
                self.until(lambda: _heard(listener, b"READY=1"), _READY, "ready", every=0.01)
            except BaseException:
                self.stop()
                raise
        self.ready_seconds = time.monotonic() - started
        self._ready = datetime.now(UTC), self.cpu(), self._database.cpu()
        return self

    def first_sweep(self) -> Sweep:
        """Measure the first sweep after a start, including the opening of sessions.

        :raises Failed: if it leaves nodes out
        """
        self.until(lambda: not self.reader.any_older(_BEFORE), _SWEEP, "each node read once", every=0.25)
        moment, cpu, database_cpu = self._ready
        used = self.cpu() - cpu, self._database.cpu() - database_cpu
        return Sweep(self._duration(moment), None, *used)

    def rest(self) -> None:
        """Measure the CPU of the idle daemon, which is subtracted from that of sweeps."""
        self.until(self._idle, _SWEEP, "the sweep before on record", every=0.5)
        time.sleep(_REST)
        started, before = time.monotonic(), (self.cpu(), self._database.cpu())
        time.sleep(_REST)
        seconds = time.monotonic() - started
        self._at_rest = (self.cpu() - before[0]) / seconds, (self._database.cpu() - before[1]) / seconds

    def sweep(self, *, answering: bool = False) -> Sweep:
        """Measure a sweep at full speed, started by ``podium task run``. The conductor records its time.

        :param answering: ignore BMCs that are known to be dead
        :raises Failed: if it leaves nodes out
        """
        self.until(self._idle, _SWEEP, "the sweep before on record", every=0.5)
        time.sleep(_REST)
        moment, started, before = datetime.now(UTC), time.monotonic(), (self.cpu(), self._database.cpu())
        self.podium("task", "run", _TASK, "--timeout", str(_SWEEP), timeout=_SWEEP + 30)
        ended = time.monotonic()
        since = moment - _SHARED
        self.until(lambda: not self.reader.any_older(since, answering=answering), 30, "each node read again")
        seconds = time.monotonic() - started
        cpu = self.cpu() - before[0] - seconds * self._at_rest[0]
        database_cpu = self._database.cpu() - before[1] - seconds * self._at_rest[1]
        lag = time.monotonic() - ended
        return Sweep(self._duration(moment), lag, max(cpu, 0.0), max(database_cpu, 0.0))

    def _duration(self, moment: datetime) -> float:
        """Return the recorded duration of the sweep that began after ``moment``. Waits for the record."""

        def recorded() -> float | None:
            shown = self._task()
            # The command shows only whole seconds.
            fresh = shown["last_run"] and datetime.fromisoformat(shown["last_run"]) >= moment.replace(
                microsecond=0
            )
            return float(shown["duration"]) if fresh and shown["state"] == "idle" else None

        return self.until(recorded, 10, "the sweep on record", every=0.5)

    def _idle(self) -> bool:
        return bool(self._task()["state"] == "idle")

    def _task(self) -> dict[str, Any]:
        return dict(json.loads(self.podium("task", "show", _TASK, "-f", "json")))

    def pace(self, interval: int) -> None:
        """Set the seconds from one sweep to the next."""
        self._configure(interval)
        self.process.send_signal(signal.SIGHUP)

    def podium(self, *words: str | Path, timeout: float = 60.0) -> str:
        """Run the command ``podium`` and return what it prints.

        :raises Failed: if it fails
        """
        return run([self._programs / "podium", "--config-file", self._config, *words], timeout)


def _heard(listener: socket.socket, word: bytes) -> bool:
    try:
        return word in listener.recv(4096)
    except BlockingIOError:
        return False
