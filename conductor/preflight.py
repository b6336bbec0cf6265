"""Checks, before the workers are forked, for faults that would keep the conductor from starting."""

import itertools
import time
from collections.abc import Callable, Mapping

from oslo_log import log

from podium import conf as configuration
from podium import errors
from podium.conductor.telling.sink_settings import NotificationSettings
from podium.db import at_work, opening, schema
from podium.db.engine import Database
from podium.db.limits import CONDUCTOR
from podium.drivers import base, registry

LOG = log.getLogger(__name__)


def load_drivers(conf: configuration.Config, *, log_faults: bool = True) -> Mapping[str, base.Driver]:
    """The enabled drivers by name.

    :param log_faults: whether the error of a driver that is skipped is logged
    :raises podium.errors.DriverLoadError: a driver does not load and must not be skipped
    """
    skip = conf.driver_startup_errors == "skip"
    return registry.load(conf.enabled_drivers, conf, skip_faulty=skip, log_faults=log_faults)


def make_database(conf: configuration.Config) -> Database:
    """The database that the config file names, without a connection.

    :raises podium.errors.ConfigError: its URL or its key file cannot be used
    """
    return opening.configured(conf, registry.secret_names, CONDUCTOR)


def check(conf: configuration.Config, sleep: Callable[[float], object] = time.sleep) -> None:
    """Load the drivers, evaluate their options, and prepare the schema of the database.

    :raises podium.errors.PodiumError: the first fault found; if the database does not answer, after
        ``[database] max_retries`` retries
    """
    load_drivers(conf)
    conf.check()
    conf.require(NotificationSettings.read)
    conf.require(opening.check_keys)
    conf.warn_of_unknown_options()
    _prepare_schema(conf, sleep)


def _prepare_schema(conf: configuration.Config, sleep: Callable[[float], object]) -> None:
    database = make_database(conf)
    retries, interval, waited = conf.database.max_retries, conf.database.retry_interval, False
    try:
        for left in itertools.repeat(-1) if retries < 0 else range(retries, -1, -1):
            try:
                for remark in (schema.prepare(database), opening.prepare_keys(conf, database)):
                    if remark:
                        LOG.warning("%s", remark)
                if database.is_sqlite:
                    _warn_of_others(database, conf.host)
                break
            except errors.DatabaseUnavailable as error:
                if not left:
                    raise
                if not waited:
                    LOG.warning("Waiting for the database, tried again every %d s: %s", interval, error)
                waited = True
                sleep(interval)
        if waited:
            LOG.warning("The database answers, and the start goes on")
    finally:
        database.dispose()


def _warn_of_others(database: Database, host: str) -> None:
    """Warn if conductors with other host names use the same SQLite file."""
    with database.read() as connection:
        others = [one for one in at_work.hosts(connection) if one != host]
    if others:
        LOG.warning(
            "SQLite is for one host, but conductors on %s work on %s too; if that is another machine, the"
            " file will be damaged: stop this one, and see podium db copy for PostgreSQL or MariaDB. If the"
            " file was restored from a backup of such a host, or this one was renamed: podium conductor"
            " forget %s",
            ", ".join(others),
            database.sqlite_file,
            others[0],
        )
