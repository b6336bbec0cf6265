"""The machines that conductors manage, and people's records of them."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from podium.db.models.kinds import Exact, Ordered, RowId, UTCDateTime, WorkerName, metadata
from podium.db.sealed import Sealed
from podium.node_ranges import natural


def key_of(name: str) -> str:
    """Return the key by which a name is sorted; names are ASCII."""
    return natural(name).encode("ascii", "replace").decode()


def _key_of_new(context: Any) -> str:
    return key_of(context.get_current_parameters(isolate_multiinsert_groups=False)["name"])


#: A machine.
#:
#: ``version`` is the number of the newest change that a person or a power action made to it, see
#: podium.db.changes. Sweeps never change it: conductors use it to find changes, and a reading is only written
#: while the version is the one that was read. ``learned`` is the number of the newest change that conductors
#: found and that people see, see podium.db.news.
#:
#: ``name_key`` is the sort key of the name, see podium.db.name_keys. ``wanted_power_state`` is the state that
#: the last request reached and that enforcement restores; ``power_policy`` is record, enforce or ignore, None
#: for the configuration's; ``enforcement`` is why enforcement waits for this node or what it would do.
#: ``target_power_state`` and ``power_request_id`` belong to the request that waits or is under way;
#: ``reservation`` is the worker that has exclusive use of the node. ``provision_state`` is enroll, verifying,
#: manageable, available or active: a node in enroll is not read, and no driver knows of it. The columns
#: between ``provision_updated_at`` and ``record``, which has the fields without a column of their own, are
#: used only by people and their programs, except ``disable_power_off``: such a node is never switched off,
#: see podium.db.power. ``credentials_changed_at`` is when secrets of ``driver_info`` were last given, by
#: enrolment or later, and ``credentials_expire_at`` is when a person wants them changed again.
#: ``health_lasts`` is the number of seconds after which a health counts as unknown, see podium.db.fleet.
#: ``clock_offset`` is by how many seconds the controller's clock was ahead at ``clock_checked_at``, and
#: ``clock_offset_before`` by how many it was ahead until it was set at ``clock_set_at``; None if unknown.
#: ``identity`` is the machine as the driver names it, and ``controller`` is the controller in front of it,
#: see podium.db.machines. ``endpoint`` is the device that Podium accesses, None for the node itself, and
#: ``slot`` is its slot, see podium.db.slots. The time of the last reading is in ``power_readings``.
nodes: Final = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("name_key", Ordered, nullable=False, default=_key_of_new, server_default=sa.text("''")),
    sa.Column("driver", sa.String(64), nullable=False, index=True),
    sa.Column("driver_info", Sealed, nullable=False),
    sa.Column("driver_internal_info", Sealed, nullable=False),
    sa.Column("properties", Sealed, nullable=False),
    sa.Column("extra", Sealed, nullable=False),
    sa.Column("power_state", sa.String(20)),
    sa.Column("wanted_power_state", sa.String(20)),
    sa.Column("power_policy", sa.String(16)),
    sa.Column("enforcement", sa.String(255)),
    sa.Column("target_power_state", sa.String(20), index=True),
    sa.Column("power_request_id", sa.BigInteger),
    sa.Column("power_requested_by", sa.String(255)),
    sa.Column("power_requested_at", UTCDateTime),
    sa.Column("power_changed_at", UTCDateTime),
    sa.Column("power_failures", sa.Integer, nullable=False),
    sa.Column("health", sa.JSON(none_as_null=True)),
    sa.Column("health_checked_at", UTCDateTime),
    sa.Column("health_lasts", sa.Double),
    sa.Column("clock_offset", sa.Double),
    sa.Column("clock_checked_at", UTCDateTime),
    sa.Column("clock_set_at", UTCDateTime),
    sa.Column("clock_offset_before", sa.Double),
    sa.Column("last_error", sa.Text),
    sa.Column("maintenance", sa.Boolean, nullable=False),
    sa.Column("maintenance_reason", sa.Text),
    sa.Column("fault", sa.String(64)),
    sa.Column("reservation", WorkerName),
    sa.Column("reserved_for", sa.String(255)),
    sa.Column("reserved_at", UTCDateTime),
    sa.Column("conductor_group", sa.String(255), nullable=False),
    sa.Column("identity", Exact),
    sa.Column("controller", Exact),
    sa.Column("endpoint", Exact),
    sa.Column("slot", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("provision_state", sa.String(20), nullable=False, server_default="available"),
    sa.Column("provision_updated_at", UTCDateTime),
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
    sa.Column("record", Sealed(none_as_null=True)),
    sa.Column("version", RowId, nullable=False, index=True),
    sa.Column("learned", sa.BigInteger, nullable=False, index=True, server_default=sa.text("0")),
    sa.Column("credentials_changed_at", UTCDateTime, index=True),
    sa.Column("credentials_expire_at", UTCDateTime),
    sa.Column("credentials_in_doubt", sa.Boolean),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
    sa.Index("ix_nodes_controller", "controller", "identity"),
    sa.Index("ix_nodes_slot", "conductor_group", "driver", "slot"),
    sa.Index("ix_nodes_name_key", "name_key", "id"),
    sa.Index("ix_nodes_instance_uuid", "instance_uuid", unique=True),
    # A partial index, so that no query uses it to find unreserved nodes: the migration defines the condition.
    # Defining it here would make every program import PostgreSQL's dialect.
    sa.Index("ix_nodes_reservation", "reservation"),
    sqlite_autoincrement=True,
)

#: When the power of a node was last read; None for never. Every node has such a row.
#:
#: Every sweep writes it for every node, so it is kept apart from the rest of the node, which is 50 times as
#: large. No index may contain the time: only then can PostgreSQL write the new row beside the old one, in the
#: room that the table's fillfactor leaves, without touching any index (a HOT update).
power_readings: Final = sa.Table(
    "power_readings",
    metadata,
    sa.Column("node_id", RowId, primary_key=True, autoincrement=False),
    sa.Column("checked_at", UTCDateTime),
)

#: A network interface of a node, as recorded by people and their programs; conductors do not use it.
ports: Final = sa.Table(
    "ports",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("node_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("address", sa.String(18), nullable=False, unique=True),
    sa.Column("name", sa.String(255), unique=True),
    sa.Column("record", Sealed, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("updated_at", UTCDateTime),
    sqlite_autoincrement=True,
)

#: An enclosure of nodes, as recorded by people and their programs; conductors do not use it.
chassis: Final = sa.Table(
    "chassis",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("description", sa.Text),
    sa.Column("extra", Sealed, nullable=False),
    sa.Column("created_at", UTCDateTime, nullable=False),
    sa.Column("updated_at", UTCDateTime),
    sqlite_autoincrement=True,
)

#: A person's request to read something from the hardware of a node, and the answer.
#:
#: ``arguments`` is JSON; ``reader`` is the member that is asked; ``error_kind`` is the name of the error's
#: class in podium.errors.
hardware_reads: Final = sa.Table(
    "hardware_reads",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("node_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("arguments", sa.String(1024)),
    sa.Column("reader", WorkerName, nullable=False),
    sa.Column("requested_by", sa.String(255), nullable=False),
    sa.Column("requested_at", UTCDateTime, nullable=False),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("answer", sa.JSON),
    sa.Column("error_kind", sa.String(64)),
    sa.Column("error", sa.Text),
    sa.Index("ix_hardware_reads_reader", "reader", "finished_at"),
    sqlite_autoincrement=True,
)

#: The name of the time of the last reading in records of nodes.
CHECKED_AT: Final = "power_checked_at"
#: Not a join: a selected subquery is allowed in a statement that locks nodes.
_CHECKED_AT: Final = (
    sa.select(power_readings.c.checked_at)
    .where(power_readings.c.node_id == nodes.c.id)
    .correlate(nodes)
    .scalar_subquery()
    .label(CHECKED_AT)
)


def node_columns(names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    """The expressions to select from nodes for these names: columns, and the time of the last reading."""
    return [_CHECKED_AT if name == CHECKED_AT else nodes.c[name] for name in names]
