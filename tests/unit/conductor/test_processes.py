"""The leases of the workers, at which the master process looks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from peers import PATIENCE
from podium.conductor.fleet.lease import Lease
from podium.conductor.processes import Processes
from podium.db.worker import Worker


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of ours that does not end by itself."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
def processes(worker: "subprocess.Popen[bytes]") -> Processes:
    """Two workers; the lease of the second ends at 130."""
    processes = Processes(workers=2)
    Lease(Worker("here", 1, 7), 30, since=100, shared=processes.leases)
    processes.leases.pids[1] = worker.pid
    return processes


def test_a_worker_that_switches_a_node_when_its_lease_is_over_is_killed(
    processes: Processes, worker: "subprocess.Popen[bytes]"
) -> None:
    worker.send_signal(signal.SIGSTOP)
    processes.leases.calls[1] = 1
    processes.kill_overdue(129.9)
    assert worker.poll() is None
    processes.kill_overdue(130)
    assert worker.wait(PATIENCE) == -signal.SIGKILL
    processes.kill_overdue(131)


def test_leases_are_looked_at_when_the_first_may_be_over(processes: Processes) -> None:
    assert processes.look_in(129) == 0.5  # one worker has none yet
    processes.leases.until[0] = 125
    assert processes.look_in(110) == 2.0
    assert processes.look_in(124) == 1.0
    assert processes.look_in(131) == 0.5


def test_a_worker_that_switches_nothing_may_outlast_its_lease(
    processes: Processes, worker: "subprocess.Popen[bytes]"
) -> None:
    processes.kill_overdue(500)
    assert worker.poll() is None


def test_a_worker_that_was_ended_and_does_not_end_is_killed(
    processes: Processes, worker: "subprocess.Popen[bytes]"
) -> None:
    processes.leases.ended[1] = 200
    processes.kill_overdue(259)
    assert worker.poll() is None
    processes.kill_overdue(260)
    assert worker.wait(PATIENCE) == -signal.SIGKILL


def test_a_process_that_is_none_of_ours_is_never_killed(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.leases.pids[1] = os.getppid()
    processes.leases.calls[1] = 1
    monkeypatch.delattr(os, "kill")
    processes.kill_overdue(500)


def test_a_worker_that_is_ended_again_and_again_waits_longer_before_it_enters() -> None:
    processes = Processes(workers=2)
    pauses = [processes.pause(1)]
    for _ in range(10):
        processes.note_end(1, lived=20)
        pauses.append(processes.pause(1))
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    processes.note_end(1, lived=1000)
    assert (processes.pause(1), processes.pause(0)) == (0.5, 0)
