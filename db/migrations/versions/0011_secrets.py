"""The keys that encrypt secrets, changes of credentials, the natural order of names, and sessions."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from podium.db import name_keys
from podium.db.migrations.expand import EXACT, ROW_ID, TIME, add_column, create_index, create_table

revision = "0011"
down_revision = "0010"
usable_from = "0008"


def upgrade() -> Iterator[None]:
    add_column("members", sa.Column("secret_keys", sa.JSON))
    create_table(
        "secret_keys",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("since", TIME, nullable=False),
    )
    _credentials()
    _sessions()
    _name_keys()
    yield
    last: int | None = 0
    while last is not None:
        last = name_keys.mend(op.get_bind(), last)
        yield


def _sessions() -> None:
    create_table(
        "sessions",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("name", EXACT, nullable=False),
        sa.Column("login", sa.String(64)),
        sa.Column("token_id", sa.BigInteger),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=False),
        numbered=True,
    )
    create_index("ix_sessions_name", "sessions", ["name"])


def _name_keys() -> None:
    kind = (
        sa.String(767)
        .with_variant(sa.String(767, collation="C"), "postgresql")
        .with_variant(sa.String(767, collation="ascii_bin"), "mysql", "mariadb")
    )
    add_column("nodes", sa.Column("name_key", kind, nullable=False, server_default=sa.text("''")))
    create_index("ix_nodes_name_key", "nodes", ["name_key", "id"])


def _credentials() -> None:
    for name in ("credentials_changed_at", "credentials_expire_at"):
        add_column("nodes", sa.Column(name, TIME))
    create_index("ix_nodes_credentials_changed_at", "nodes", ["credentials_changed_at"])
    add_column("nodes", sa.Column("credentials_in_doubt", sa.Boolean))
    add_column("operations", sa.Column("canaries", sa.Integer))
    add_column("operations", sa.Column("undoes", sa.BigInteger))
    add_column("operations", sa.Column("what", sa.String(64)))
    number = sa.BigInteger
    create_table(
        "credential_changes",
        sa.Column("request_id", number, primary_key=True, autoincrement=False),
        sa.Column("operation_id", number, nullable=False),
        sa.Column("node_id", number, nullable=False),
        sa.Column("node_uuid", sa.String(36), nullable=False),
        sa.Column("endpoint", EXACT),
        sa.Column("driver", sa.String(64), nullable=False),
        sa.Column("place", EXACT),
        sa.Column("on_bmc", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("new", sa.JSON, nullable=False),
        sa.Column("old", sa.JSON, nullable=False),
        sa.Column("expire_at", TIME),
        sa.Column("settled_at", TIME),
        sa.Column("refused_logins", sa.Integer),
        sa.Column("refused_at", TIME),
    )
    for column in ("operation_id", "node_id", "settled_at", "place"):
        create_index(f"ix_credential_changes_{column}", "credential_changes", [column])
