"""The daemon ``podium-conductor``: oslo.service's launcher, signals, start and stop.

The launcher forks: the master process only looks after the worker, which conducts. What can be found wrong
before the fork ends the program with one line. SIGTERM and Ctrl-C end it in order, SIGHUP reloads.
"""

import asyncio
import concurrent.futures
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final

from oslo_log import log
from oslo_service import service, systemd

from podium import conf as configuration
from podium import errors, library_internals
from podium.conductor.daemon import Conductor
from podium.conductor.fleet.membership import process_identity
from podium.conductor.rooms import context
from podium.conf.database import database_url, engine_options
from podium.db import schema
from podium.db.engine import Database
from podium.drivers import base, registry

LOG = log.getLogger(__name__)

_NOTIFY: Final = "NOTIFY_SOCKET"

#: When garbage is collected, see gc.set_threshold; the usual 700 cost a quarter of the CPU of a first sweep.
_COLLECT: Final = (50_000, 20, 20)


class ConductorService(service.Service):  # type: ignore[misc]  # oslo.service is untyped
    """The worker: threads, loops, sockets and the database engine are made in :meth:`start`, after the fork.

    :param master: what is shared with the master process and the other workers
    """

    #: Which of the daemon's workers this is, counted from 0.
    worker = 0

    def __init__(self, conf: configuration.Config, master: "_Master") -> None:
        super().__init__()
        self._conf = conf
        self._master = master
        self._conductor: Conductor | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._end: concurrent.futures.Future[None] = concurrent.futures.Future()

    def become(self, worker: int) -> None:
        """Learn, after the fork, which of the workers this is."""
        self.worker = worker

    def start(self) -> None:
        """Start to conduct, in a thread of its own."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # Reads make thousands of objects a second, which go by themselves, beside a million that stay.
        gc.set_threshold(*_COLLECT)
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the conductor has ended."""
        self._end.result()

    def stop(self, graceful: bool = True) -> None:
        """End in order; oslo.service's launcher ends the process when that takes too long."""
        self._stopping = True
        if self._conductor is not None:
            self._conductor.stop()
        concurrent.futures.wait([self._end])

    def reset(self) -> None:
        """Take over what the config files say now, where that is possible without a restart."""
        self._conf.mutate_config_files()
        if self._conductor is not None:
            self._conductor.reload()

    def _run(self) -> None:
        try:
            skip = self._conf.driver_startup_errors == "skip"
            drivers = registry.load(self._conf.enabled_drivers, self._conf, skip_faulty=skip)
            database = Database(database_url(self._conf), **engine_options(self._conf))
            asyncio.run(self._conduct(database, drivers))
        except errors.PodiumError as error:
            LOG.error("%s", error)
            self._give_up()
        except Exception:
            LOG.exception("The conductor ended")
            self._give_up()
        finally:
            self._end.set_result(None)

    async def _conduct(self, database: Database, drivers: Mapping[str, base.Driver]) -> None:
        database.keep_open()
        self._conductor = Conductor(
            self._conf, database, drivers, identity=self._master.identity, worker=self.worker
        )
        if self._stopping:
            self._conductor.stop()
        await self._conductor.run(self._tell_ready)

    def _tell_ready(self) -> None:
        ready, socket = self._master.ready, self._master.notify_socket
        with ready.get_lock():
            ready.value += 1
            everybody = ready.value >= self._conf.conductor.workers
        if socket and everybody:
            os.environ[_NOTIFY] = socket
            systemd.notify_once()

    def _give_up(self) -> None:
        self._master.failed.set()
        os.kill(os.getppid(), signal.SIGTERM)


class _Master:
    """What all processes of the daemon know of each other; made before the first fork.

    :param notify_socket: where systemd wants to hear that the daemon is ready
    """

    def __init__(self, notify_socket: str | None) -> None:
        shared = multiprocessing.get_context("fork")
        self.notify_socket = notify_socket
        self.identity = process_identity()
        #: Told by a worker that cannot start, so that the daemon ends and does not start it again.
        self.failed = shared.Event()
        #: How many workers are ready.
        self.ready = shared.Value("i", 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon until it is told to stop; the exit status: 1 when it could not start."""
    notify_socket = os.environ.pop(_NOTIFY, None)  # else the launcher would say "ready" before the worker is
    try:
        conf = configuration.load(sys.argv[1:] if argv is None else argv, prog="podium-conductor")
        log.setup(conf, "podium")
        context.install()
        _prepare(conf)
    except errors.PodiumError as error:
        sys.stderr.write(f"podium-conductor: {error}\n")
        return 1
    _interrupt_as_terminate()
    master = _Master(notify_socket)
    launcher = service.launch(
        conf, ConductorService(conf, master), workers=conf.conductor.workers, restart_method="mutate"
    )
    library_internals.on_new_worker(launcher, ConductorService.become)
    code = launcher.wait()
    return 1 if master.failed.is_set() else int(code or 0)


def _prepare(conf: configuration.Config) -> None:
    """Find out, before anything runs, what would keep the conductor from starting."""
    registry.load(conf.enabled_drivers, conf, skip_faulty=conf.driver_startup_errors == "skip")
    conf.check()
    for line in conf.unknown_options():
        LOG.warning("%s", line)
    database = Database(database_url(conf), **engine_options(conf))
    retries = conf.database.max_retries
    try:
        for left in itertools.repeat(-1) if retries < 0 else range(retries, -1, -1):
            try:
                schema.prepare(database)
                break
            except errors.DatabaseUnavailable as error:
                if not left:
                    raise
                LOG.warning("Trying again in %d s: %s", conf.database.retry_interval, error)
                time.sleep(conf.database.retry_interval)
    finally:
        database.dispose()


def _interrupt_as_terminate() -> None:
    """Let Ctrl-C end the daemon in order; pressed again, at once.

    oslo.service takes SIGINT for "die at once". It is blocked, in the worker as well, and awaited in a
    thread that passes it on as SIGTERM.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        signal.sigwait({signal.SIGINT})
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigwait({signal.SIGINT})
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="interrupt", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
