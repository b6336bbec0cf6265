"""What the daemon's processes report to each other and to systemd."""

import os
import signal
import socket
from pathlib import Path

import pytest

from podium.conductor.processes import Processes


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The socket at which systemd waits for a service's readiness."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return listener


def test_systemd_hears_of_readiness_once_the_last_worker_is_ready(systemd: socket.socket) -> None:
    with systemd:
        processes = Processes(workers=2)
        assert "NOTIFY_SOCKET" not in os.environ  # the launcher must not report it
        processes.report_ready()
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        processes.report_ready()
        assert systemd.recv(100) == b"READY=1"


def test_a_worker_that_gives_up_ends_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    processes = Processes(workers=1)
    assert not processes.have_failed
    processes.give_up()
    assert (processes.have_failed, sent) == (True, [(os.getppid(), signal.SIGTERM)])


def test_the_first_worker_that_fails_is_known() -> None:
    processes = Processes(workers=2)
    assert [processes.note_failure(), processes.note_failure()] == [True, False]
    assert processes.have_failed
