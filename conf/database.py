"""The group [database]: the oslo.db options that Podium uses, with defaults that need no server."""

from collections.abc import Sequence
from typing import Any, Final

from oslo_config import cfg
from oslo_db import options

from podium import errors
from podium.conf import default
from podium.conf.default import SQLITE_FILE
from podium.conf.files import default_files, is_own, may_not_read, unreadable

#: Defaults that differ from oslo.db's. If the database does not answer at start-up, the program ends at once
#: with the reason, and systemd restarts it; oslo.db would retry for 100 seconds.
DEFAULTS: Final = {"connection": f"sqlite:///$state_path/{SQLITE_FILE}", "max_retries": 0}

#: The options that oslo.db's ``create_engine`` takes, by the names of its arguments.
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

#: Options that the programs read themselves.
_START_OPTIONS: Final = ("connection", "max_retries", "retry_interval")

opts: Final = [
    option for option in options.database_opts if option.name in (*_ENGINE_OPTIONS, *_START_OPTIONS)
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="database")


def set_defaults() -> None:
    """Replace oslo.db's defaults with ours."""
    cfg.set_defaults(opts, **DEFAULTS)


def database_url(conf: cfg.ConfigOpts) -> str:
    """Return ``[database] connection``, by default an SQLite file below ``state_path``.

    :raises podium.errors.ConfigError: this user may not read it
    """
    if not (conf.config_file or conf.config_dir or is_own(conf.state_path)) and (hidden := unreadable([])):
        raise errors.ConfigError(may_not_read(hidden))
    return str(conf.database.connection)


def read_url(argv: Sequence[str], *, prog: str) -> str:
    """Return the URL from a program's configuration without loading all other options.

    :param argv: ``--config-file`` and its file, or nothing
    :raises oslo_config.cfg.Error: podium.conf.load explains in words what is wrong
    """
    conf = cfg.ConfigOpts()
    default.register(conf)
    register(conf)
    set_defaults()
    files, folders = default_files(prog)
    conf(argv, project="podium", prog=prog, default_config_files=files, default_config_dirs=folders)
    return database_url(conf)


def engine_options(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Return the options of the engine as keyword arguments of ``podium.db.engine.Database``."""
    return {name: conf.database[name] for name in _ENGINE_OPTIONS}
