"""What the processes of a daemon report to each other and to systemd."""

import os
import signal
import socket
from pathlib import Path

import pytest

from podium.workers import Workers


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
        workers = Workers(2)
        assert "NOTIFY_SOCKET" not in os.environ  # the launcher must not report it
        workers.report_ready(1)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
        workers.report_ready(0)
        assert systemd.recv(100) == b"READY=1"


def test_a_worker_that_gives_up_ends_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    workers = Workers(1)
    assert not workers.have_failed
    workers.give_up()
    assert (workers.have_failed, sent) == (True, [(os.getpid(), signal.SIGTERM)])


def test_the_first_worker_that_fails_is_known() -> None:
    workers = Workers(2)
    assert [workers.note_failure(), workers.note_failure()] == [True, False]
    assert workers.have_failed


def test_a_worker_was_ready_once_it_has_said_so() -> None:
    workers = Workers(2)
    workers.report_ready(1)
    assert (workers.was_ready(0), workers.was_ready(1)) == (False, True)


def test_a_worker_knows_that_its_master_process_is_gone() -> None:
    workers = Workers(2)
    assert not workers.is_orphan, "one worker alone is its own master"
    workers._master = os.getppid()
    assert not workers.is_orphan
    workers._master = 2**31
    assert workers.is_orphan
