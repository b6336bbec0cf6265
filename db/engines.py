"""oslo.db's functions for making engines, without SQLAlchemy's ORM.

oslo.db also imports the ORM, for helpers with their own models. That takes a sixth of the time of a command,
and memory in every process; Podium only uses plain tables.
"""

from podium.deferred import deferred

with deferred("oslo_db.sqlalchemy.models"):
    from oslo_db.sqlalchemy.engines import create_engine

__all__ = ["create_engine"]
