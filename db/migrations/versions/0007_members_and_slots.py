"""Members with leases, and slots that say which member owns a node: see podium.db.members, podium.db.slots.

When nodes were last read moves into a table of its own, which sweeps can write without rewriting the nodes.

The slots of nodes are those of their UUIDs: drivers, which say what is spoken to, cannot be asked here.
``podium db upgrade`` does that afterwards.
"""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EXACT = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")
_AT_ONCE = 1000


def _table_args() -> dict[str, Any]:
    mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    return {
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin",
        "mysql_engine": "InnoDB",
    }


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("id", _ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("worker", sa.Integer, nullable=False),
        sa.Column("process", sa.String(255), nullable=False),
        sa.Column("drivers", sa.JSON, nullable=False),
        sa.Column("conductor_groups", sa.JSON, nullable=False),
        sa.Column("fallback_groups", sa.JSON, nullable=False),
        sa.Column("lease", sa.Double, nullable=False),
        sa.Column("interval", sa.Double, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("leaves", sa.Boolean, nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, index=True),
        sa.Column("ended_by", sa.String(255)),
        sa.Column("ended_why", sa.String(255)),
        sqlite_autoincrement=True,
        **_table_args(),
    )
    op.create_table(
        "leases",
        sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("worker", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", _TIME, nullable=False),
        **_table_args(),
    )
    op.create_index("ix_leases_worker", "leases", ["host", "worker"], unique=True)
    op.create_table(
        "slots",
        sa.Column("conductor_group", sa.String(255), primary_key=True),
        sa.Column("driver", sa.String(64), primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.BigInteger, index=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        **_table_args(),
    )
    op.add_column(
        "change_counter", sa.Column("generation", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("conductors", sa.Column("draining_since", _TIME))
    op.add_column("nodes", sa.Column("endpoint", _EXACT))
    op.add_column("nodes", sa.Column("slot", sa.Integer, nullable=False, server_default=sa.text("0")))
    _fill_slots()
    op.create_index("ix_nodes_slot", "nodes", ["conductor_group", "driver", "slot"])
    _move_readings()
    is_held = sa.text("reservation IS NOT NULL")
    op.create_index(
        "ix_nodes_reservation",
        "nodes",
        ["reservation"],
        postgresql_where=is_held,
        sqlite_where=is_held,
    )
    _make_cursors()


def _make_cursors() -> None:
    """One cursor for each sink takes the place of one for each worker and sink."""
    positions, hosts = _old_cursors()
    op.drop_table("notification_cursors")
    op.create_table(
        "notification_cursors",
        sa.Column("sink", sa.String(255), primary_key=True),
        sa.Column("owner", sa.BigInteger),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("failing_since", _TIME),
        sa.Column("last_error", sa.Text),
        sa.Column("refused_id", sa.BigInteger),
        sa.Column("refused_for", sa.Double, nullable=False, server_default=sa.text("0")),
        **_table_args(),
    )
    op.create_table(
        "notification_sinks",
        sa.Column("hostname", sa.String(255), primary_key=True),
        sa.Column("sink", sa.String(255), primary_key=True),
        **_table_args(),
    )
    op.create_table(
        "notification_refusals",
        sa.Column("sink", sa.String(255), primary_key=True),
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        **_table_args(),
    )
    cursors = sa.table("notification_cursors", sa.column("sink"), sa.column("event_id"))
    for sink, position in positions.items():
        op.execute(sa.insert(cursors).values(sink=sink, event_id=position))
    sinks = sa.table("notification_sinks", sa.column("hostname"), sa.column("sink"))
    for host, sink in sorted(hosts):
        op.execute(sa.insert(sinks).values(hostname=host, sink=sink))


def _old_cursors() -> tuple[dict[str, int], set[tuple[str, str]]]:
    """By sink the number of the last event before all that wait, and which hosts have which sinks.

    The position of a worker that no longer exists may be very old. It counts only where events wait.
    """
    events = sa.table("power_events", sa.column("id"), sa.column("writer"))
    old = sa.table("notification_cursors", sa.column("holder"), sa.column("sink"), sa.column("event_id"))
    connection = op.get_bind()
    newest = connection.scalar(sa.select(sa.func.max(events.c.id))) or 0
    positions: dict[str, int] = {}
    hosts = set()
    for holder, sink, passed in connection.execute(sa.select(old)).all():
        theirs = events.c.writer == holder, events.c.id > passed
        waiting = connection.scalar(sa.select(sa.func.min(events.c.id)).where(*theirs))
        position = newest if waiting is None else waiting - 1
        positions[sink] = min(position, positions.get(sink, position))
        hosts.add((holder.rpartition("/")[0], sink))
    return positions, hosts


def _fill_slots() -> None:
    nodes = sa.table("nodes", sa.column("id"), sa.column("uuid"), sa.column("slot"))
    found: dict[int, list[int]] = {}
    for number, uuid in op.get_bind().execute(sa.select(nodes.c.id, nodes.c.uuid)):
        digest = hashlib.blake2b(uuid.encode(), digest_size=8).digest()
        found.setdefault(int.from_bytes(digest) % 1024, []).append(number)
    for slot, numbers in found.items():
        for start in range(0, len(numbers), _AT_ONCE):
            some = nodes.c.id.in_(numbers[start : start + _AT_ONCE])
            op.execute(sa.update(nodes).where(some).values(slot=slot))


def _move_readings() -> None:
    op.create_table(
        "power_readings",
        sa.Column("node_id", _ROW_ID, primary_key=True, autoincrement=False),
        sa.Column("checked_at", _TIME),
        **_table_args(),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A sweep writes every row of a page anew, and finds room for that in the page.
        op.execute("ALTER TABLE power_readings SET (fillfactor = 45)")
    op.execute(
        "INSERT INTO power_readings (node_id, checked_at) SELECT id, power_checked_at FROM nodes ORDER BY id"
    )
    op.drop_column("nodes", "power_checked_at")
