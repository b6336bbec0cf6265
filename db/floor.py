"""Limits the programs that may use the database: data that older programs would misread shuts them out."""

import sqlalchemy as sa

from podium.db.migrations import REVISIONS
from podium.db.models import schema_floor


def raise_to(connection: sa.Connection, revision: str) -> None:
    """Make programs that do not know a revision refuse the database from this transaction on, permanently.

    :param revision: the first revision whose programs understand the data; a higher floor stays
    """
    older = REVISIONS[: REVISIONS.index(revision)]
    raised = sa.update(schema_floor).where(schema_floor.c.revision.in_(older))
    connection.execute(raised.values(revision=revision))
