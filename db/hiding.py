"""Keeps the contents of a database out of logs and errors: ``driver_info`` holds passwords."""

import logging
from typing import Final

import sqlalchemy as sa

#: The logger to which SQLAlchemy writes statements at INFO, and returned rows at DEBUG.
_LOGGER: Final = "sqlalchemy.engine.Engine"


def hide_values(engine: sa.Engine) -> None:
    """Keep values out of the logs and errors of an engine, at every level; only statements appear."""
    engine.hide_parameters = True
    logging.getLogger(_LOGGER).addFilter(_has_no_row)


def _has_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
