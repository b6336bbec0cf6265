"""What the daemon's processes share: the master process, which looks after the workers, and the workers."""

import multiprocessing
import os
import signal
import threading
from typing import Final

from oslo_service import systemd

from podium.conductor.fleet.membership import process_name

_NOTIFY: Final = "NOTIFY_SOCKET"


class Processes:
    """Made in the master process before the first fork; its methods are for the workers.

    :param workers: how many there are
    """

    def __init__(self, workers: int) -> None:
        shared = multiprocessing.get_context("fork")
        self._workers = workers
        # Taken away from the launcher, which would report readiness before the workers are ready.
        self._notify_socket = os.environ.pop(_NOTIFY, None)
        self._failed = shared.Event()
        #: Which workers cannot use the database, see podium.conductor.rooms.reach.
        self.away = shared.Array("b", workers)
        self._ready = shared.Value("i", 0)
        #: The daemon's identity, by which its workers know each other.
        self.process = process_name()

    @property
    def have_failed(self) -> bool:
        """Whether a worker has given up."""
        return self._failed.is_set()

    def report_ready(self) -> None:
        """Count a worker that is ready; the last of them reports the daemon's readiness to systemd."""
        with self._ready.get_lock():
            self._ready.value += 1
            all_ready = self._ready.value >= self._workers
        if self._notify_socket and all_ready:
            os.environ[_NOTIFY] = self._notify_socket
            systemd.notify_once()

    def note_failure(self) -> bool:
        """Note that this worker has failed; return whether it is the first: mostly all have one reason."""
        with self._ready.get_lock():
            is_first = not self._failed.is_set()
            self._failed.set()
        return is_first

    def give_up(self) -> None:
        """End the daemon because this worker cannot go on. Otherwise the master would start it again."""
        self._failed.set()
        os.kill(os.getppid(), signal.SIGTERM)


def interrupt_as_terminate() -> None:
    """Let Ctrl-C end the daemon in order, and at once when it is pressed again.

    oslo.service ends at once at the first SIGINT. So the signal is blocked, in the workers as well, and a
    thread waits for it and passes it on as SIGTERM.
    """
    block_interrupts()

    def wait() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # all others are the main thread's
        signal.sigwait({signal.SIGINT})
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigwait({signal.SIGINT})
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="interrupt", daemon=True).start()


def block_reloads() -> None:
    """Keep SIGHUP from the thread that ends the process: Python's own end would let it kill it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def block_interrupts() -> None:
    """Keep SIGINT from this thread and those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
