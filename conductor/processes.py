"""What the daemon's processes share: the master process, which looks after the workers, and the workers."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Final

from oslo_log import log
from oslo_service import systemd

from podium.clocks import boottime
from podium.conductor.fleet.lease import SharedLeases
from podium.conductor.fleet.membership import process_name
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

_NOTIFY: Final = "NOTIFY_SOCKET"
#: Seconds between two looks at the leases: while one may be over, and else at most.
_LOOK, _LONGEST = 0.5, 2.0
#: Seconds in which a worker that was ended has closed what it has open.
_LATEST: Final = 60.0
#: Seconds that a worker waits before it enters again, by how often in a row it was ended soon.
_PAUSES: Final = Gaps(0.5, 30.0)
#: Seconds after which an end is no longer soon.
_SOON: Final = 300.0


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
        #: Until when each worker may switch nodes, and whether it does.
        self.leases = SharedLeases(workers)
        #: How often in a row each worker was ended soon after its start.
        self._ends = shared.Array("i", workers, lock=False)
        self._were_ready = shared.Array("b", workers, lock=False)
        self._lock = shared.Lock()
        self._master = os.getpid()
        #: The daemon's identity, by which its workers know each other.
        self.process = process_name()

    @property
    def have_failed(self) -> bool:
        """Whether a worker has given up."""
        return self._failed.is_set()

    @property
    def is_orphan(self) -> bool:
        """Whether this is a worker whose master process is gone."""
        return self._master not in (os.getpid(), os.getppid())

    def report_ready(self, index: int) -> None:
        """Note that a worker is ready; the last of them reports the daemon's readiness to systemd."""
        self._were_ready[index] = 1
        if self._notify_socket and all(self._were_ready):
            os.environ[_NOTIFY] = self._notify_socket
            systemd.notify_once()

    def note_failure(self) -> bool:
        """Note that this worker has failed; return whether it is the first: mostly all have one reason."""
        with self._lock:
            is_first = not self._failed.is_set()
            self._failed.set()
        return is_first

    def was_ready(self, index: int) -> bool:
        """Whether a worker of this number has conducted since the daemon was started."""
        return bool(self._were_ready[index])

    def note_end(self, index: int, lived: float) -> None:
        """Note that a worker ends because it was ended by others.

        :param lived: seconds since it was started
        """
        self._ends[index] = 1 if lived >= _SOON else self._ends[index] + 1

    def pause(self, index: int) -> float:
        """Seconds that a worker waits before it enters: one that was ended again and again waits longer."""
        ends = self._ends[index]
        return _PAUSES[ends - 1] if ends else 0.0

    def watch(self) -> None:
        """In the master process, kill workers that outlast their leases, from a thread of its own."""
        threading.Thread(target=self._watch, name="leases", daemon=True).start()

    def _watch(self) -> None:
        _leave_signals()
        while True:
            time.sleep(self.look_in(boottime()))
            self.kill_overdue(boottime())

    def look_in(self, now: float) -> float:
        """Seconds until a lease may be over: no worker is killed before."""
        soonest = min(self.leases.until, default=now)
        return min(max(soonest - now, _LOOK), _LONGEST)

    def kill_overdue(self, now: float) -> None:
        """Kill the workers that nothing else can stop: those that switch a node, or were ended long ago."""
        leases = self.leases
        for index, pid in enumerate(leases.pids):
            if leases.calls[index] > 0 and leases.until[index] <= now:
                why = "its lease is over, and it is switching a node"
            elif leases.ended[index] and now - leases.ended[index] >= _LATEST:
                why = f"others have ended it, and it goes on after {_LATEST:g} s"
            else:
                continue
            if pid and _is_child(pid):
                LOG.error("The worker %d (process %d) is killed: %s", index, pid, why)
                leases.pids[index] = 0  # once is enough
                os.kill(pid, signal.SIGKILL)

    def give_up(self) -> None:
        """End the daemon because this worker cannot go on. Otherwise the master would start it again."""
        self._failed.set()
        os.kill(os.getppid(), signal.SIGTERM)


def _is_child(pid: int) -> bool:
    """Whether this is one of our processes still; see proc(5), /proc/pid/stat, field 4."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[1]) == os.getpid()


def interrupt_as_terminate() -> None:
    """Let Ctrl-C end the daemon in order, and at once when it is pressed again.

    oslo.service ends at once at the first SIGINT. So the signal is blocked, in the workers as well, and a
    thread waits for it and passes it on as SIGTERM.
    """
    block_interrupts()

    def wait() -> None:
        _leave_signals()
        signal.sigwait({signal.SIGINT})
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigwait({signal.SIGINT})
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="interrupt", daemon=True).start()


def _leave_signals() -> None:
    """Leave all signals to the main thread."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def block_reloads() -> None:
    """Keep SIGHUP from the thread that ends the process: Python's own end would let it kill it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def block_interrupts() -> None:
    """Keep SIGINT from this thread and those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
