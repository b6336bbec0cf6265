"""The daemon ``podium-api``: start, reload and end of its processes.

The master process creates the sockets and supervises the workers, which serve requests. The objects of a
worker are created after the fork, in the thread in which its event loop runs.
"""

import asyncio
import concurrent.futures
import contextlib
import gc
import resource
import sys
import threading
from collections.abc import Sequence
from typing import Final

from oslo_log import log

from podium import conf as configuration
from podium import errors, library_internals
from podium.api import app
from podium.api.access import door
from podium.api.access.guard import Guard
from podium.api.access.identity import Access
from podium.api.operations import OPERATIONS
from podium.api.page import files
from podium.api.services import Services
from podium.api.serving.listening import Listeners
from podium.api.serving.server import Server
from podium.api.serving.tls import Certificate
from podium.api.sql import THREADS, Sql
from podium.client.calls.table import CALLS
from podium.client.enrolling.catalog import Catalog
from podium.client.local import answers
from podium.conf import api as options
from podium.db import opening, schema, secret_keys
from podium.db.engine import Database
from podium.db.limits import API
from podium.drivers import registry
from podium.workers import Worker, Workers, block_interrupts, ignore_reloads, interrupt_as_terminate

LOG = log.getLogger(__name__)

#: Seconds between attempts to reach a database that has not answered yet.
_AGAIN: Final = 5.0
#: Seconds of graceful_shutdown_timeout that are reserved for the work after the last answer.
_REST: Final = 3
#: Open files and sockets, if the host allows as many.
_FILES: Final = 8192


class ApiService(Worker):
    """A worker."""

    def __init__(self, conf: configuration.Config, workers: Workers, listeners: Listeners) -> None:
        super().__init__(conf)
        self._workers = workers
        self._listeners = listeners
        self._stop: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._end: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._certificate: Certificate | None = None
        self._access: Access | None = None
        self._database: Database | None = None

    def start(self) -> None:
        """Begin to serve in a thread of its own."""
        block_interrupts()
        threading.Thread(target=self._run, name="api", daemon=True).start()

    def wait(self) -> None:
        """Wait until the worker has ended."""
        self._end.result()

    def stop(self, graceful: bool = True) -> None:
        """Answer the open requests, and end."""
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            self._stop.set_result(None)
        concurrent.futures.wait([self._end])

    def reset(self) -> None:
        """Read the options, users, keys and the certificate again."""
        self._conf.mutate_config_files()
        self._reload_keys()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reload)

    def _reload_keys(self) -> None:
        if self._database is None:
            return
        try:
            if opening.reload_keys(self._conf, self._database) and self.index == 0:
                LOG.info("The keys of the secrets in the database were read again")
        except errors.PodiumError as error:
            LOG.error("The keys stay as they were: %s", error)

    def _reload(self) -> None:
        if self._access is not None:
            self._access.reload()
        if self._certificate is None:
            return
        try:
            self._certificate.reload()
        except errors.ConfigError as error:
            LOG.error("The former certificate stays in use: %s", error)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except errors.PodiumError as error:
            if self._workers.note_failure():
                LOG.error("%s", error)
            self._workers.give_up()
        except Exception:
            LOG.exception("podium-api ended")
            self._workers.give_up()
        finally:
            self._end.set_result(None)

    async def _serve(self) -> None:
        conf = self._conf
        database = self._database = make_database(conf)
        sql = Sql(database)
        self._certificate = make_certificate(conf)
        access = self._access = door.make_access(conf, sql)
        services = Services(conf, sql, Catalog(conf, LOG.warning))
        server = Server(
            Guard(app.create(services, access, OPERATIONS), conf),
            conf.api.max_json_body_size,
            {(one.method, one.path): conf.api.max_import_size for one in CALLS if one.is_large},
        )
        self._loop = asyncio.get_running_loop()
        await server.start(self._listeners, self._certificate.context if self._certificate else None)
        self._workers.report_ready(self.index)
        stopped = asyncio.wrap_future(self._stop)
        checked = asyncio.ensure_future(_check_schema(database))
        try:
            await asyncio.wait([stopped, checked], return_when=asyncio.FIRST_COMPLETED)
            if checked.done():
                checked.result()
                await stopped
        finally:
            checked.cancel()
            services.feeds.close()
            await server.stop(max(conf.graceful_shutdown_timeout - _REST, 1))
            await asyncio.to_thread(sql.close)


async def _check_schema(database: Database) -> None:
    """Wait until the database answers, and make sure that its schema fits.

    :raises podium.errors.PodiumError: it does not
    """

    def check() -> None:
        schema.check(database)
        with database.read() as connection:
            secret_keys.check(connection, database.sealing)
        database.keep_open()
        database.keep_readers(THREADS)

    while True:
        with contextlib.suppress(errors.DatabaseUnavailable):
            await asyncio.to_thread(check)
            return
        await asyncio.sleep(_AGAIN)


def make_database(conf: configuration.Config) -> Database:
    """Return the database of the config file, not yet connected."""
    connections = max(conf.database.max_pool_size, 2 * THREADS)  # to read and to write
    return opening.configured(conf, registry.secret_names, API, max_pool_size=connections)


def make_certificate(conf: configuration.Config) -> Certificate | None:
    """Return the certificate of the TCP port; None without TLS.

    :raises podium.errors.ConfigError: it cannot be used
    """
    return Certificate(conf.api.cert_file, conf.api.key_file) if conf.api.enable_ssl_api else None


def _prepare_schema(conf: configuration.Config) -> None:
    database = make_database(conf)
    try:
        for remark in (schema.prepare(database), opening.prepare_keys(conf, database)):
            if remark:
                LOG.warning("%s", remark)
    except errors.DatabaseUnavailable as error:
        LOG.warning("Until the database answers, every request is answered with 503: %s", error)
    finally:
        database.dispose()


def _prepare(conf: configuration.Config) -> Listeners:
    """Check everything that the daemon needs to serve, and listen."""
    conf.require(options.check)
    conf.require(opening.check_keys)
    # Options of drivers are known only where these are loaded; a config file may also serve other hosts.
    conf.warn_of_unknown_options({one.lower() for one in [*registry.installed(), *conf.enabled_drivers]})
    make_certificate(conf)
    door.check(conf)
    _prepare_schema(conf)
    with contextlib.suppress(OSError):  # systemd may refuse the call, and has a limit of its own
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(_FILES, hard)), hard))
    api = conf.api
    return Listeners(api.host_ip, api.port, options.unix_socket(conf), int(api.unix_socket_mode, 8))


def _log_addresses(conf: configuration.Config, listeners: Listeners) -> None:
    host = f"[{conf.api.host_ip}]" if ":" in conf.api.host_ip else conf.api.host_ip
    scheme = "https" if conf.api.enable_ssl_api else "http"
    path = options.unix_socket(conf)
    beside = "" if path is None else f" and at {path}"
    LOG.info("Serving at %s://%s:%d%s", scheme, host, listeners.port, beside)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal ends it.

    :returns: the exit status: 1 when the daemon could not start, or had to give up
    """
    ignore_reloads()
    try:
        conf = configuration.load(sys.argv[1:] if argv is None else argv, prog="podium-api", delivers=False)
        library_internals.log_errors_once()
        log.setup(conf, "podium")
        listeners = _prepare(conf)
    except errors.PodiumError as error:
        sys.stderr.write(f"podium-api: {error}\n")
        return 1
    interrupt_as_terminate()
    _log_addresses(conf, listeners)
    count = conf.api.api_workers
    workers = Workers(count)
    answers.load()
    files.site()
    gc.collect()
    gc.freeze()  # existing objects stay, and workers share them
    worker = ApiService(conf, workers, listeners)
    if count == 1:
        return workers.run_alone(conf, worker, listeners.close)
    return workers.run(conf, worker, count, listeners.close)


if __name__ == "__main__":
    sys.exit(main())
