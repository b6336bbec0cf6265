"""Programs' records of nodes, ports and chassis, the provision state of nodes, and tokens of the API."""

import sqlalchemy as sa

from podium.db.migrations.expand import EXACT, ROW_ID, TIME, add_column, create_index, create_table

revision = "0009"
down_revision = "0008"
usable_from = "0008"


def upgrade() -> None:
    _nodes()
    create_table(
        "ports",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("node_id", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String(18), nullable=False, unique=True),
        sa.Column("name", sa.String(255), unique=True),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME),
        numbered=True,
    )
    create_index("ix_ports_node_id", "ports", ["node_id"])
    create_table(
        "chassis",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("description", sa.Text),
        sa.Column("extra", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME),
        numbered=True,
    )
    create_table(
        "api_tokens",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("name", EXACT, nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.Column("last_used_from", sa.String(255)),
        sa.Column("revoked_at", TIME),
        sa.Column("revoked_by", sa.String(255)),
        numbered=True,
    )


def _nodes() -> None:
    for column in (
        sa.Column("provision_state", sa.String(20), nullable=False, server_default="available"),
        sa.Column("provision_updated_at", TIME),
        sa.Column("instance_uuid", sa.String(36)),
        sa.Column("instance_name", sa.String(255)),
        sa.Column("resource_class", sa.String(80)),
        sa.Column("owner", sa.String(255)),
        sa.Column("lessee", sa.String(255)),
        sa.Column("shard", sa.String(255)),
        sa.Column("parent_node", sa.String(36)),
        sa.Column("chassis_uuid", sa.String(36)),
        sa.Column("retired", sa.Boolean),
        sa.Column("disable_power_off", sa.Boolean),
        sa.Column("description", sa.Text),
        sa.Column("record", sa.JSON),
    ):
        add_column("nodes", column)
    create_index("ix_nodes_instance_uuid", "nodes", ["instance_uuid"], unique=True)
