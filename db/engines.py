"""oslo.db's way to make engines, without SQLAlchemy's ORM.

oslo.db imports the ORM beside it, for helpers with models of its own. That takes a sixth of the time of a
command, and memory in every process; Podium's tables are plain ones.
"""

from podium.deferred import deferred

with deferred("oslo_db.sqlalchemy.models"):
    from oslo_db.sqlalchemy.engines import create_engine

__all__ = ["create_engine"]
