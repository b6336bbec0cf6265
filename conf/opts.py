"""What oslo-config-generator asks for, and what every program registers."""

from typing import Final

from oslo_config import cfg
from oslo_log import log

# Its public list_opts has a backdoor for eventlet besides, which is not used here.
from oslo_service._options import service_opts

from podium.conf import conductor, database, default, metrics, notifications, periodic_tasks

_LOG_FORMAT: Final = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(request_id)s] %(message)s"

#: Loggers that have nothing to say to an operator below these levels, even with debug = true.
_LOG_LEVELS: Final = [
    "alembic=WARNING",
    "asyncio=WARNING",
    "cotyledon=WARNING",
    "futurist=INFO",
    "oslo_db=INFO",
    "oslo_service=WARNING",
    "sqlalchemy=WARNING",
    "stevedore=WARNING",
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register every option but the drivers', which their registry adds once it has loaded them."""
    set_defaults()
    log.register_options(conf)
    conf.register_opts(service_opts)
    for module in (default, conductor, periodic_tasks, metrics, notifications, database):
        module.register(conf)


def set_defaults() -> None:
    """Put our defaults in place of the libraries', for the programs and for the sample file."""
    log.set_defaults(logging_context_format_string=_LOG_FORMAT, default_log_levels=_LOG_LEVELS)
    database.set_defaults()


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Podium's own options, and those of oslo.service that do something here, by group."""
    return [
        ("DEFAULT", [*default.opts, *service_opts]),
        ("conductor", list(conductor.opts)),
        ("database", list(database.opts)),
        ("metrics", list(metrics.opts)),
        ("notifications", list(notifications.opts)),
        ("periodic_tasks", list(periodic_tasks.opts)),
    ]
