"""The processes of a daemon: the master process, which only supervises workers, and the workers.

oslo.service's launcher forks the workers and restarts those that die. SIGTERM and Ctrl-C end a daemon in good
order, SIGHUP reloads.

oslo.service needs its backend before its first module is used, so it is chosen here: threads, whose launcher
forks the workers. eventlet, which oslo.service still installs, is not used and nothing is monkey-patched.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from typing import Final

from oslo_service import backend

from podium import library_internals
from podium.conf import Config

library_internals.import_without_eventlet()
backend.init_backend(backend.BackendType.THREADING)

from oslo_service import service, systemd  # noqa: E402

_NOTIFY: Final = "NOTIFY_SOCKET"


class Worker(service.Service):  # type: ignore[misc]  # oslo.service is untyped
    """The work of a worker process. Threads, sockets and engines are created in ``start``, after the fork."""

    #: The number of this worker of the daemon, counted from 0.
    index = 0

    def __init__(self, conf: Config) -> None:
        super().__init__()
        self._conf = conf

    def become(self, index: int) -> None:
        """Set the number of this worker, after the fork."""
        self.index = index
        self._conf.is_quiet = True  # the master process reads the same files, and logs changes


class Workers:
    """Created in the master process before the first fork; its methods are for the workers.

    :param workers: the number of workers
    """

    def __init__(self, workers: int) -> None:
        shared = multiprocessing.get_context("fork")
        # Withheld from the launcher, which would report readiness before the workers are ready.
        self._notify_socket = os.environ.pop(_NOTIFY, None)
        self._failed = shared.Event()
        self._were_ready = shared.Array("b", workers, lock=False)
        self._lock = shared.Lock()
        self._master = os.getpid()

    @property
    def have_failed(self) -> bool:
        """Whether a worker has failed for good."""
        return self._failed.is_set()

    @property
    def is_orphan(self) -> bool:
        """Whether this is a worker whose master process has died."""
        return self._master not in (os.getpid(), os.getppid())

    def report_ready(self, index: int) -> None:
        """Record that a worker is ready; the last worker reports the daemon's readiness to systemd."""
        self._were_ready[index] = 1
        if self._notify_socket and all(self._were_ready):
            os.environ[_NOTIFY] = self._notify_socket
            systemd.notify_once()

    def note_failure(self) -> bool:
        """Record that this worker has failed; return whether it is the first: usually all have one reason."""
        with self._lock:
            is_first = not self._failed.is_set()
            self._failed.set()
        return is_first

    def was_ready(self, index: int) -> bool:
        """Whether a worker of this number has worked since the daemon was started."""
        return bool(self._were_ready[index])

    def give_up(self) -> None:
        """End the daemon because this worker cannot continue. Otherwise the master would restart it."""
        self._failed.set()
        if not self.is_orphan:
            os.kill(self._master, signal.SIGTERM)

    def run(
        self,
        conf: Config,
        worker: Worker,
        count: int,
        ending: Callable[[], None] = lambda: None,
    ) -> int:
        """Fork the workers and supervise them until a signal ends the daemon.

        :param worker: the worker that each process gets a copy of
        :param ending: called in the master process when the daemon is about to end, before its workers are
            told
        :returns: the exit status
        """
        launcher = service.launch(conf, worker, workers=count, restart_method="mutate")
        library_internals.on_new_worker(launcher, Worker.become)
        library_internals.on_end(launcher, ending)
        library_internals.reload_one_by_one(launcher)
        try:
            code = launcher.wait()
        except SystemExit as end:  # with several workers
            code = end.code
        finally:
            _block_reloads()
        return 1 if self.have_failed else int(code or 0)

    def run_alone(self, conf: Config, worker: Worker, ending: Callable[[], None]) -> int:
        """As :meth:`run` with one worker, in this process: a master would cost a quarter more memory.

        If the process is killed, whoever started the daemon has to restart it.
        """
        awaited = {signal.SIGTERM, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        with contextlib.suppress(OSError):  # as the launcher does, for interrupt_as_terminate
            os.setsid()
        worker.start()
        while signal.sigwait(awaited) == signal.SIGHUP:
            worker.reset()
        if conf.graceful_shutdown_timeout:
            signal.alarm(conf.graceful_shutdown_timeout)
        worker.stop()
        ending()
        return int(self.have_failed)


def ignore_reloads() -> None:
    """Ignore SIGHUP, which would end this process, until there is something to reload."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def interrupt_as_terminate() -> None:
    """Let Ctrl-C end the daemon in good order, and at once when it is pressed again.

    oslo.service ends at once at the first SIGINT. So the signal is blocked, also in the workers, and a thread
    waits for it and passes it on as SIGTERM.
    """
    block_interrupts()

    def wait() -> None:
        leave_signals()
        signal.sigwait({signal.SIGINT})
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigwait({signal.SIGINT})
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="interrupt", daemon=True).start()


def leave_signals() -> None:
    """Leave all signals to the main thread."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def block_interrupts() -> None:
    """Keep SIGINT from this thread and those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _block_reloads() -> None:
    """Block SIGHUP in the thread that ends the process: it would kill the process during shutdown."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
