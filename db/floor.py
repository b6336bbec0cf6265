"""Which programs may use the database: what they would misread shuts them out once it is written."""

import sqlalchemy as sa

from podium.db.migrations import REVISIONS
from podium.db.models import schema_floor


def raise_to(connection: sa.Connection, revision: str) -> None:
    """Have programs that do not know a revision refuse the database from this transaction on, for good.

    :param revision: the first whose programs heed what is written; a higher floor stays
    """
    older = REVISIONS[: REVISIONS.index(revision)]
    raised = sa.update(schema_floor).where(schema_floor.c.revision.in_(older))
    connection.execute(raised.values(revision=revision))
