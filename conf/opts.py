"""The options that every program registers, and the lists that oslo-config-generator calls."""

from typing import Final

from oslo_config import cfg
from oslo_log import log

from podium import library_internals
from podium.conf import (
    api,
    client,
    conductor,
    database,
    default,
    metrics,
    notifications,
    periodic_tasks,
    secrets,
    sinks,
)

_LOG_FORMAT: Final = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(request_id)s] %(message)s"

#: Loggers whose lower levels are of no use to an operator, even with debug = true.
_LOG_LEVELS: Final = [
    "alembic=WARNING",
    "asyncio=WARNING",
    "cotyledon=WARNING",
    "futurist=INFO",
    "oslo_db=INFO",
    "oslo_db.sqlalchemy.exc_filters=CRITICAL",  # it logs, with a traceback, what it raises
    "oslo_service=WARNING",
    "sqlalchemy=WARNING",
    "sqlalchemy.pool=CRITICAL",  # a broken connection, with a traceback; its next user reports it
    "stevedore=WARNING",
    "uvicorn=CRITICAL",  # invalid requests, and errors that podium-api has already logged
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register every option but those of drivers, which their registry adds after loading them."""
    set_defaults()
    log.register_options(conf)
    conf.register_opts(library_internals.SERVICE_OPTIONS)
    for module in (
        default,
        api,
        client,
        conductor,
        periodic_tasks,
        metrics,
        notifications,
        database,
        secrets,
    ):
        module.register(conf)


def set_defaults() -> None:
    """Set Podium's defaults for the libraries' options, for the programs and for the sample file."""
    log.set_defaults(logging_context_format_string=_LOG_FORMAT, default_log_levels=_LOG_LEVELS)
    database.set_defaults()


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return Podium's own options and the options of oslo.service that Podium uses, by group."""
    return [
        ("DEFAULT", [*default.opts, *api.default_opts, *library_internals.SERVICE_OPTIONS]),
        ("api", list(api.opts)),
        ("client", list(client.opts)),
        ("conductor", list(conductor.opts)),
        ("database", list(database.opts)),
        ("metrics", list(metrics.opts)),
        ("notifications", list(notifications.opts)),
        ("notifications_pager", list(sinks.opts)),
        ("periodic_tasks", list(periodic_tasks.opts)),
        ("secrets", list(secrets.opts)),
    ]
