"""The daemon ``podium-conductor``: oslo.service's launcher, signals, start and stop.

The launcher forks: the master process only looks after the worker, which conducts. What can be found wrong
before the fork ends the program with one line. SIGTERM and Ctrl-C end it in order, SIGHUP reloads.
"""

import asyncio
import concurrent.futures
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from oslo_log import log
from oslo_service import service, systemd

from podium import conf as configuration
from podium import errors
from podium.conductor import context
from podium.conductor.daemon import Conductor
from podium.conf.database import database_url, engine_options
from podium.db import schema
from podium.db.engine import Database
from podium.drivers import base, registry

LOG = log.getLogger(__name__)

_NOTIFY: Final = "NOTIFY_SOCKET"


class ConductorService(service.Service):  # type: ignore[misc]  # oslo.service is untyped
    """The worker: threads, loops, sockets and the database engine are made in :meth:`start`, after the fork.

    :param failed: tells the master that the worker cannot start, so that it is not started again
    :param notify_socket: where systemd wants to hear that the daemon is ready
    """

    def __init__(self, conf: configuration.Config, failed: Any, notify_socket: str | None) -> None:
        super().__init__()
        self._conf = conf
        self._failed = failed
        self._notify_socket = notify_socket
        self._conductor: Conductor | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._end: concurrent.futures.Future[None] = concurrent.futures.Future()

    def start(self) -> None:
        """Start to conduct, in a thread of its own."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
        self._conductor = Conductor(self._conf, database, drivers)
        if self._stopping:
            self._conductor.stop()
        await self._conductor.run(self._tell_ready)

    def _tell_ready(self) -> None:
        if self._notify_socket:
            os.environ[_NOTIFY] = self._notify_socket
            systemd.notify_once()

    def _give_up(self) -> None:
        self._failed.set()
        os.kill(os.getppid(), signal.SIGTERM)


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
    failed = multiprocessing.get_context("fork").Event()
    launcher = service.launch(conf, ConductorService(conf, failed, notify_socket), restart_method="mutate")
    # oslo.service's own hook leaves SIGHUP to a default that ends the worker and starts another.
    launcher._manager.register_hooks(on_new_worker=_reload_in_place)
    code = launcher.wait()
    return 1 if failed.is_set() else int(code or 0)


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


def _reload_in_place(_service_id: object, _worker_id: int, worker: Any) -> None:
    worker.reload = worker.service_instance.reset


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
