"""The group [database]: oslo.db's own options, with defaults that need no server."""

from typing import Any, Final

import sqlalchemy
from oslo_config import cfg
from oslo_db import options

from podium import errors

#: What differs from oslo.db. A database that does not answer at start-up ends the program with the reason at
#: once, and systemd starts it again; oslo.db would try for 100 seconds.
DEFAULTS: Final = {"connection": "sqlite:///$state_path/podium.sqlite", "max_retries": 0}

#: The options that oslo.db's ``create_engine`` takes, by the names it has for them.
_ENGINE_OPTIONS: Final = (
    "connection_debug",
    "connection_parameters",
    "connection_recycle_time",
    "connection_trace",
    "max_overflow",
    "max_pool_size",
    "mysql_sql_mode",
    "mysql_wsrep_sync_wait",
    "pool_timeout",
    "sqlite_synchronous",
)


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(options.database_opts, group="database")


def set_defaults() -> None:
    """Put our defaults in place of oslo.db's."""
    cfg.set_defaults(options.database_opts, **DEFAULTS)


def database_url(conf: cfg.ConfigOpts) -> str:
    """``[database]connection``, by default an SQLite file below ``state_path``.

    :raises podium.errors.ConfigError: when it is not a database URL
    """
    url = conf.database.connection
    try:
        sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise errors.ConfigError(
            "[database] connection is not a database URL like postgresql+psycopg://USER:PASSWORD@HOST/NAME, "
            "mysql+pymysql://USER:PASSWORD@HOST/NAME?charset=utf8mb4 or sqlite:////PATH"
        ) from None
    return str(url)


def engine_options(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """What the group says about the engine, as keyword arguments of ``podium.db.engine.Database``."""
    return {name: conf.database[name] for name in _ENGINE_OPTIONS}
