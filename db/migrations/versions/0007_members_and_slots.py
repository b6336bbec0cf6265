"""Members with leases, and slots that decide who owns a node: see podium.db.members, podium.db.slots.

The times of the last reads move into a separate table, which sweeps can write without rewriting the nodes.

Nodes get the slots of their UUIDs: drivers, which determine endpoints, cannot be asked here. ``podium db
upgrade`` does that afterwards.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from podium.db.migrations.expand import (
    EXACT,
    ROW_ID,
    TIME,
    add_column,
    chunks,
    create_index,
    create_table,
    drop_column,
    has_column,
    has_table,
)

revision = "0007"
down_revision = "0006"
usable_from = "0007"

_AT_ONCE = 1000
_NEW_CURSORS = "notification_cursors_of_sinks"


def upgrade() -> Iterator[None]:
    create_table(
        "schema_floor",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.String(32), nullable=False),
    )
    create_table(
        "members",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("worker", sa.Integer, nullable=False),
        sa.Column("process", sa.String(255), nullable=False),
        sa.Column("drivers", sa.JSON, nullable=False),
        sa.Column("conductor_groups", sa.JSON, nullable=False),
        sa.Column("fallback_groups", sa.JSON, nullable=False),
        sa.Column("lease", sa.Double, nullable=False),
        sa.Column("interval", sa.Double, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("revision", sa.String(32), nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("leaves", sa.Boolean, nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.String(255)),
        sa.Column("ended_why", sa.String(255)),
        numbered=True,
    )
    create_index("ix_members_ended_at", "members", ["ended_at"])
    create_table(
        "leases",
        sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("worker", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", TIME, nullable=False),
    )
    create_index("ix_leases_worker", "leases", ["host", "worker"], unique=True)
    create_table(
        "slots",
        sa.Column("conductor_group", sa.String(255), primary_key=True),
        sa.Column("driver", sa.String(64), primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.BigInteger),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    create_index("ix_slots_owner", "slots", ["owner"])
    create_table(
        "avoidances",
        sa.Column("subnet", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
    zero = sa.text("0")
    for name in ("generation", "rosters"):
        add_column("change_counter", sa.Column(name, sa.BigInteger, nullable=False, server_default=zero))
    add_column("conductors", sa.Column("draining_since", TIME))
    add_column("nodes", sa.Column("endpoint", EXACT))
    add_column("nodes", sa.Column("slot", sa.Integer, nullable=False, server_default=zero))
    _create_readings()
    yield
    for rows in chunks("nodes", "uuid"):
        _fill_slots(rows)
        yield
        _move_readings(rows[0].id, rows[-1].id)
        yield
    create_index("ix_nodes_slot", "nodes", ["conductor_group", "driver", "slot"])
    is_held = sa.text("reservation IS NOT NULL")
    create_index(
        "ix_nodes_reservation", "nodes", ["reservation"], postgresql_where=is_held, sqlite_where=is_held
    )
    _make_cursors()
    _make_enforcement()
    create_table(
        "power_starts",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("domain", EXACT, nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        numbered=True,
    )
    create_index("ix_power_starts_domain", "power_starts", ["domain"])
    _make_disabled_tasks()
    # Last, because no program works without the dropped columns before the revision is written.
    drop_column("nodes", "power_checked_at")
    drop_column("periodic_tasks", "switched_off")
    frozen = ("frozen_at", "frozen_reason", "thaw_requested_at")  # in this order, for a second attempt
    for name in (*frozen, "online", "heartbeat_at", "process", "drivers", "conductor_group"):
        drop_column("conductors", name)  # data of a run, which is now kept for members


def _make_disabled_tasks() -> None:
    """Keep the disabled tasks in their own table, no longer with the reports of each worker."""
    create_table(
        "disabled_tasks",
        sa.Column("task", sa.String(255), primary_key=True),
        sa.Column("conductor", sa.String(255), primary_key=True),
    )
    if has_column("periodic_tasks", "switched_off"):
        old = sa.table("periodic_tasks", *map(sa.column, ("task", "conductor", "switched_off")))
        new = sa.table("disabled_tasks", sa.column("task"), sa.column("conductor"))
        disabled = sa.select(old.c.task, old.c.conductor).where(old.c.switched_off == sa.true()).distinct()
        op.execute(sa.delete(new))
        op.execute(sa.insert(new).from_select(["task", "conductor"], disabled))


def _make_enforcement() -> None:
    """Turn the freeze of one conductor, if there is one, into a freeze of all."""
    create_table(
        "enforcement",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("frozen_at", TIME),
        sa.Column("frozen_reason", sa.Text),
        sa.Column("thaws", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
    )
    create_table(
        "enforcement_counts",
        sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("groups", sa.JSON, nullable=False),
        sa.Column("round", sa.Double, nullable=False),
        sa.Column("thaws", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger, nullable=False),
    )
    if has_column("conductors", "frozen_at"):
        op.execute("DELETE FROM enforcement")
        op.execute(
            "INSERT INTO enforcement (id, frozen_at, frozen_reason, thaws, asked)"
            " SELECT 1, frozen_at, frozen_reason, 0, 0 FROM conductors"
            " WHERE frozen_at IS NOT NULL AND thaw_requested_at IS NULL ORDER BY frozen_at DESC LIMIT 1"
        )


def _make_cursors() -> None:
    """Replace the cursors of each worker and sink with one cursor for each sink."""
    create_table(
        "notification_sinks",
        sa.Column("hostname", sa.String(255), primary_key=True),
        sa.Column("sink", sa.String(255), primary_key=True),
    )
    create_table(
        "notification_refusals",
        sa.Column("sink", sa.String(255), primary_key=True),
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    if has_column("notification_cursors", "holder"):
        create_table(
            _NEW_CURSORS,
            sa.Column("sink", sa.String(255), primary_key=True),
            sa.Column("owner", sa.BigInteger),
            sa.Column("event_id", sa.BigInteger, nullable=False),
            sa.Column("failing_since", TIME),
            sa.Column("last_error", sa.Text),
            sa.Column("refused_id", sa.BigInteger),
            sa.Column("refused_for", sa.Double, nullable=False, server_default=sa.text("0")),
        )
        _fill_cursors()
        op.drop_table("notification_cursors")  # this commits on MariaDB
    if not has_table("notification_cursors"):
        op.rename_table(_NEW_CURSORS, "notification_cursors")
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"ALTER INDEX {_NEW_CURSORS}_pkey RENAME TO notification_cursors_pkey")


def _fill_cursors() -> None:
    positions, hosts = _old_cursors()
    cursors = sa.table(_NEW_CURSORS, sa.column("sink"), sa.column("event_id"))
    for sink, position in positions.items():
        op.execute(sa.insert(cursors).values(sink=sink, event_id=position))
    sinks = sa.table("notification_sinks", sa.column("hostname"), sa.column("sink"))
    for host, sink in sorted(hosts):
        op.execute(sa.insert(sinks).values(hostname=host, sink=sink))


def _old_cursors() -> tuple[dict[str, int], set[tuple[str, str]]]:
    """By sink, the number of the last event before all waiting events, and which hosts have which sinks.

    The position of a worker that no longer exists may be very old. It counts only if events are waiting.
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


def _fill_slots(rows: Sequence[sa.Row[Any]]) -> None:
    nodes = sa.table("nodes", sa.column("id"), sa.column("slot"))
    found: dict[int, list[int]] = {}
    for row in rows:
        digest = hashlib.blake2b(row.uuid.encode(), digest_size=8).digest()
        found.setdefault(int.from_bytes(digest) % 1024, []).append(row.id)
    for slot, numbers in found.items():
        for start in range(0, len(numbers), _AT_ONCE):
            some = nodes.c.id.in_(numbers[start : start + _AT_ONCE])
            op.execute(sa.update(nodes).where(some, nodes.c.slot != slot).values(slot=slot))


def _create_readings() -> None:
    create_table(
        "power_readings",
        sa.Column("node_id", ROW_ID, primary_key=True, autoincrement=False),
        sa.Column("checked_at", TIME),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A sweep rewrites every row of a page, and finds room for that in the page.
        op.execute("ALTER TABLE power_readings SET (fillfactor = 45)")


def _move_readings(first: int, last: int) -> None:
    if has_column("nodes", "power_checked_at"):
        op.execute(
            "INSERT INTO power_readings (node_id, checked_at) SELECT id, power_checked_at FROM nodes"
            f" WHERE id BETWEEN {first} AND {last}"
            " AND NOT EXISTS (SELECT 1 FROM power_readings WHERE node_id = nodes.id) ORDER BY id"
        )
