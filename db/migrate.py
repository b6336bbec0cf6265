"""Runs migrations, each in short transactions, without blocking a fleet at work.

The function ``upgrade`` of a migration runs in one transaction. If it is a generator, each ``yield`` ends a
transaction and begins the next. The last transaction writes the revision. From 0007 on a migration also has
``usable_from``: the oldest revision whose program may use the schema.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from podium import errors
from podium.db import migrations
from podium.db.engine import Database
from podium.db.limits import Limits
from podium.db.models import schema_floor

#: For migrations. An index of a million nodes takes its time. Statements queue behind one that waits for a
#: lock, so it gives up soon.
LIMITS: Final = Limits(connect=5, statement=3600, silence=3700, lost=30, lock=3)

_END: Final = object()


def floor_of(revision: str) -> str:
    """The oldest revision whose program may use the schema of a revision from 0007 on."""
    return str(_script().get_revision(revision).module.usable_from)


def run(database: Database, before: str | None, to: str) -> None:
    """Bring a database from one revision to a later one; a new one in one transaction.

    :param before: None for a database without a schema
    :raises podium.errors.DatabaseBusy: when others hold for a long time what a migration changes
    :raises podium.errors.DatabaseUnavailable: when the database cannot be reached
    """
    known = migrations.REVISIONS
    last = known.index(to) + 1
    patient = Database(database.url, LIMITS)
    try:
        if before is None:
            _create(patient, known[:last])
            return
        for revision in known[known.index(before) + 1 : last]:
            if not _migrate(patient, before, revision):
                return
            before = revision
    finally:
        patient.dispose()


def _create(database: Database, revisions: Sequence[str]) -> None:
    with database.write() as connection:
        if MigrationContext.configure(connection).get_current_revision() is not None:
            return  # another upgrade was faster
        for revision in revisions:
            migration = _Migration(revision)
            while not migration.take_step(connection):
                pass


def _migrate(database: Database, before: str, revision: str) -> bool:
    """Run each step of a migration in a transaction of its own; False when another upgrade is faster."""
    migration = _Migration(revision)
    held = sa.text("SELECT version_num FROM alembic_version" + ("" if database.is_sqlite else " FOR UPDATE"))
    try:
        while True:
            with database.write() as connection:
                if connection.scalar(held) != before:
                    return False
                if migration.take_step(connection):
                    return True
    except errors.DatabaseBusy as error:
        raise errors.DatabaseBusy(
            f"gave up the step to revision {revision}: for {LIMITS.lock} s another transaction held what it"
            " changes. Everything works as before; run the command again"
        ) from error


class _Migration:
    """A migration that is under way."""

    def __init__(self, revision: str) -> None:
        self._revision = revision
        self._module = _script().get_revision(revision).module
        self._steps: Iterator[None] | None = None

    def take_step(self, connection: sa.Connection) -> bool:
        """Run the next transaction; True when it was the last one."""
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            if self._steps is None:
                self._steps = iter(self._module.upgrade() or ())
            is_over = next(self._steps, _END) is _END
        if is_over:
            if floor := getattr(self._module, "usable_from", None):
                put_floor(connection, floor)
            context.stamp(_script(), self._revision)
        return is_over


def put_floor(connection: sa.Connection, floor: str) -> None:
    """Write the oldest revision whose program may use the schema; it is never lowered."""
    before = connection.scalar(sa.select(schema_floor.c.revision))
    connection.execute(sa.delete(schema_floor))
    connection.execute(sa.insert(schema_floor).values(id=1, revision=max(floor, before or floor)))


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(migrations.__file__).parent))
