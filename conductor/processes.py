"""The state that the conductor's processes share: the workers' leases, which the master process checks."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Final

from oslo_log import log

from podium.clocks import boottime
from podium.conductor.fleet.lease import SharedLeases
from podium.conductor.fleet.membership import process_name
from podium.pacing import Gaps
from podium.workers import Workers, leave_signals

LOG = log.getLogger(__name__)

#: The fewest and the most seconds between two checks of the leases.
_LOOK, _LONGEST = 0.5, 2.0
#: Seconds that a worker gets, after other members have ended it, to close what it has open.
_LATEST: Final = 60.0
#: Seconds that a worker waits before it enters again, by how often in a row it ended soon.
_PAUSES: Final = Gaps(0.5, 30.0)
#: Seconds after which an end is no longer soon.
_SOON: Final = 300.0


class Processes(Workers):
    """Created in the master process before the first fork. Workers call its methods, unless a docstring says
    otherwise.

    :param workers: the number of workers
    """

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        shared = multiprocessing.get_context("fork")
        #: Which workers cannot use the database, see podium.conductor.rooms.reach.
        self.away = shared.Array("b", workers)
        #: Until when each worker may switch nodes, and whether it is switching any.
        self.leases = SharedLeases(workers)
        #: How often in a row each worker ended soon after its start.
        self._ends = shared.Array("i", workers, lock=False)
        #: The daemon's identity, by which its workers recognize each other.
        self.process = process_name()

    def note_end(self, index: int, lived: float) -> None:
        """Note that a worker ends and is to be started again.

        :param lived: seconds since its start
        """
        self._ends[index] = 1 if lived >= _SOON else self._ends[index] + 1

    def pause(self, index: int) -> float:
        """Seconds that a worker waits before it enters; longer if it has repeatedly ended soon."""
        ends = self._ends[index]
        return _PAUSES[ends - 1] if ends else 0.0

    def watch(self) -> None:
        """In the master process, kill workers that outlast their leases, in a separate thread."""
        threading.Thread(target=self._watch, name="leases", daemon=True).start()

    def _watch(self) -> None:
        leave_signals()
        while True:
            time.sleep(self.look_in(boottime()))
            self.kill_overdue(boottime())

    def look_in(self, now: float) -> float:
        """Seconds until the next check, which depend on the first lease that may end."""
        soonest = min(self.leases.until, default=now)
        return min(max(soonest - now, _LOOK), _LONGEST)

    def kill_overdue(self, now: float) -> None:
        """Kill workers that nothing else can stop: switching a node after their lease, or ended long ago."""
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


def _is_child(pid: int) -> bool:
    """Whether this process is still a child of ours; see proc(5), /proc/pid/stat, field 4."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[1]) == os.getpid()
