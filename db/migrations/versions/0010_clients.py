"""The identity of the fleet, kept answers to calls, the numbers of changes, and reads of the hardware."""

import uuid

import sqlalchemy as sa
from alembic import op

from podium.db.migrations.expand import EXACT, ROW_ID, TIME, add_column, create_index, create_table

revision = "0010"
down_revision = "0009"
usable_from = "0008"


def upgrade() -> None:
    add_column("change_counter", sa.Column("fleet_id", sa.String(36)))
    counter = sa.table("change_counter", sa.column("fleet_id"))
    own = sa.update(counter).where(counter.c.fleet_id.is_(None)).values(fleet_id=str(uuid.uuid4()))
    op.get_bind().execute(own)
    create_table(
        "kept_answers",
        sa.Column("who", EXACT, primary_key=True),
        sa.Column("key", EXACT, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
    )
    _changes()
    _reads()


def _changes() -> None:
    """Number the changes that clients follow, and keep deletions."""
    number = sa.BigInteger
    for name in ("learned", "before"):
        add_column("change_counter", sa.Column(name, number, nullable=False, server_default="0"))
    add_column("nodes", sa.Column("learned", number, nullable=False, server_default="0"))
    create_index("ix_nodes_learned", "nodes", ["learned"])
    add_column("operations", sa.Column("change", number, nullable=False, server_default="0"))
    create_index("ix_operations_change", "operations", ["change"])
    add_column("power_events", sa.Column("change", number))
    create_index("ix_power_events_change", "power_events", ["change"])
    add_column("members", sa.Column("change", number, nullable=False, server_default="0"))
    add_column("conductors", sa.Column("change", number, nullable=False, server_default="0"))
    create_table(
        "deletions",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("change", number, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("at", TIME, nullable=False),
        numbered=True,
    )
    create_index("ix_deletions_change", "deletions", ["change"])


def _reads() -> None:
    """Let people ask conductors to read hardware."""
    add_column("change_counter", sa.Column("reads", sa.BigInteger, nullable=False, server_default="0"))
    create_table(
        "hardware_reads",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("node_uuid", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reader", sa.String(255), nullable=False),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("answer", sa.JSON),
        sa.Column("error_kind", sa.String(64)),
        sa.Column("error", sa.Text),
        numbered=True,
    )
    create_index("ix_hardware_reads_node_uuid", "hardware_reads", ["node_uuid"])
    create_index("ix_hardware_reads_reader", "hardware_reads", ["reader", "finished_at"])
