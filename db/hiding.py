"""Keeps what a database holds out of logs and errors: ``driver_info`` has passwords."""

import logging
from typing import Final

import sqlalchemy as sa

#: Where SQLAlchemy logs statements at INFO, and at DEBUG the rows that they return.
_LOGGER: Final = "sqlalchemy.engine.Engine"


def hide_values(engine: sa.Engine) -> None:
    """Have no value in the logs and errors of an engine, whatever their level: statements alone."""
    engine.hide_parameters = True
    logging.getLogger(_LOGGER).addFilter(_has_no_row)


def _has_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
