"""The daemon ``podium-conductor``: its workers, start, reload and end.

oslo.service's launcher forks the workers, which run conductors; the master process only supervises them. A
fault found before the fork ends the program with one line. SIGTERM and Ctrl-C end it in good order, SIGHUP
reloads.
"""

import asyncio
import concurrent.futures
import functools
import gc
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from oslo_log import log

from podium import conf as configuration
from podium import errors, library_internals
from podium.clocks import boottime
from podium.conductor import preflight
from podium.conductor.daemon import Conductor
from podium.conductor.processes import Processes
from podium.conductor.rooms import context, hiding
from podium.db.engine import Database
from podium.drivers import base
from podium.workers import Worker, block_interrupts, ignore_reloads, interrupt_as_terminate

LOG = log.getLogger(__name__)

#: Exit status of a worker that the master process should restart.
_AGAIN: Final = 3

#: When garbage is collected, see gc.set_threshold. The usual 700 cost a quarter of the CPU of a first sweep.
_COLLECT: Final = (50_000, 20, 20)


class ConductorService(Worker):
    """A worker process, which runs a conductor.

    :param processes: the state shared with the master process and the other workers
    """

    def __init__(self, conf: configuration.Config, processes: Processes) -> None:
        super().__init__(conf)
        self._processes = processes
        self._conductor: Conductor | None = None
        self._stopping = self._reloaded = False
        self._thread: threading.Thread | None = None
        self._end: concurrent.futures.Future[int] = concurrent.futures.Future()

    def start(self) -> None:
        """Run the conductor in a separate thread."""
        block_interrupts()
        # Reads create thousands of short-lived objects per second, next to a million long-lived ones.
        gc.set_threshold(*_COLLECT)
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the conductor has ended.

        :raises SystemExit: the master process should restart this worker
        """
        if status := self._end.result():
            raise SystemExit(status)

    def stop(self, graceful: bool = True) -> None:
        """End in good order. oslo.service's launcher kills the process if that takes too long."""
        self._stopping = True
        if self._processes.is_orphan:
            LOG.warning("The master process of the worker %d is gone, so the worker ends", self.index)
        if self._conductor is not None:
            self._conductor.stop()
        concurrent.futures.wait([self._end])

    def reset(self) -> None:
        """Reload from the config files the options that need no restart."""
        self._conf.mutate_config_files()
        self._reloaded = True
        if self._conductor is not None:
            self._conductor.reload()

    def _run(self) -> None:
        started, status = boottime(), 0
        try:
            drivers = preflight.load_drivers(self._conf, log_faults=False)  # already logged
            asyncio.run(self._conduct(preflight.make_database(self._conf), drivers))
        except errors.PodiumError as error:
            if self._comes_back(error):
                LOG.warning("%s; this worker is started again", error)
                self._processes.note_end(self.index, boottime() - started)
                status = _AGAIN
            else:
                if self._processes.note_failure():
                    LOG.error("%s", error)
                self._processes.give_up()
        except Exception:
            LOG.exception("The conductor ended")
            self._processes.give_up()
        finally:
            self._end.set_result(status)

    def _comes_back(self, error: errors.PodiumError) -> bool:
        """Whether a restart of this worker may succeed."""
        if isinstance(error, errors.DatabaseUnavailable):  # at the start; final if it is the daemon's
            return self._processes.was_ready(self.index)
        return isinstance(error, errors.MemberEnded)

    async def _conduct(self, database: Database, drivers: Mapping[str, base.Driver]) -> None:
        database.keep_open()
        processes = self._processes
        self._conductor = Conductor(
            self._conf,
            database,
            drivers,
            process=processes.process,
            index=self.index,
            away=processes.away,
            leases=processes.leases,
            pause=processes.pause(self.index),
        )
        if self._reloaded:  # while the conductor was created, perhaps with old options
            self._conductor.reload()
        if self._stopping:
            self._conductor.stop()
        await self._conductor.run(functools.partial(processes.report_ready, self.index))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal ends it.

    :returns: the exit status; 1 if the daemon could not start, or had to give up
    """
    ignore_reloads()
    try:
        conf = configuration.load(sys.argv[1:] if argv is None else argv, prog="podium-conductor")
        library_internals.log_errors_once()
        log.setup(conf, "podium")
        context.install()
        hiding.install()
        preflight.check(conf)
    except errors.PodiumError as error:
        sys.stderr.write(f"podium-conductor: {error}\n")
        return 1
    interrupt_as_terminate()
    workers = conf.conductor.workers
    processes = Processes(workers)
    processes.watch()
    return processes.run(conf, ConductorService(conf, processes), workers)


if __name__ == "__main__":
    sys.exit(main())
