"""The tables, as SQLAlchemy sees them. Times are UTC; a change here needs a migration.

Who did something is said in the same way by all tables: ``hostname`` and ``conductor`` are the host name of a
daemon, and ``worker`` beside them is the index of one of its workers. ``reservation``, ``holder`` and
``writer`` name one worker of one daemon, ``host/index@incarnation``, see podium.db.worker; ``owner`` is its
incarnation alone, the number of its row in ``members``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from podium.db.worker import Worker


def utcnow() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A moment: aware in Python, naive UTC in the database, with microseconds everywhere."""

    impl = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or value.tzinfo is None:  # as UTC, whatever zone this host is in
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class WorkerName(sa.types.TypeDecorator[Worker]):
    """A worker: a Worker in Python, its text in the database."""

    impl = sa.String(255)
    cache_ok = True

    def process_bind_param(self, value: Worker | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Worker | None:
        return None if value is None else Worker.parse(value)


#: A text that is compared to the letter, also where the server's default ignores case.
Exact = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")

#: SQLite only numbers rows by itself in a column declared INTEGER.
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: Numbers of deleted rows are never given again.
_NUMBERED = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    """Columns typed ``dict[str, Any]`` hold JSON."""

    type_annotation_map = {
        dict[str, Any]: sa.JSON,
        list[str]: sa.JSON,
        datetime: UTCDateTime,
        float: sa.Double,
        Worker: WorkerName,
    }


class NodeRow(Base):
    """A machine.

    ``version`` is the number of the newest change that a person or a power action made to it, see
    podium.db.changes. Sweeps never change it: conductors find by it what changed, and a reading is only
    written while the version is the one that was read. ``learned`` is the number of the newest change that
    conductors found and that people see, see podium.db.news.

    ``wanted_power_state`` is what the last request reached, which enforcement restores; ``power_policy`` is
    record, enforce or ignore, None for what the configuration says; ``enforcement`` is why enforcement waits
    with this node or what it would do. ``target_power_state`` and ``power_request_id`` are those of the
    request that waits or is under way; ``reservation`` is the worker that has the node to itself.
    ``provision_state`` is enroll, verifying, manageable, available or active: a node in enroll is not read,
    and no driver knows of it. Nobody but people and their programs uses what stands between
    ``provision_updated_at`` and ``record``, which has the fields without a column of their own; but for
    ``disable_power_off``: such a node is never switched off, see podium.db.power.
    ``credentials_changed_at`` is when secrets of ``driver_info`` were last given, by enrolment or later, and
    ``credentials_expire_at`` by when a person wants them changed again.
    ``health_lasts`` are the seconds after which a health counts as unknown, see podium.db.fleet.
    ``identity`` is the machine as the driver names it and ``controller`` what it is behind, see
    podium.db.machines. ``endpoint`` is what is spoken to, None for the node itself, and ``slot`` where that
    falls, see podium.db.slots. When the power was last read is in ``power_readings``.
    """

    __tablename__ = "nodes"
    __table_args__ = (
        sa.Index("ix_nodes_controller", "controller", "identity"),
        sa.Index("ix_nodes_slot", "conductor_group", "driver", "slot"),
        sa.Index("ix_nodes_instance_uuid", "instance_uuid", unique=True),
        # Partial, so that nobody takes it for a way to the nodes that nobody has reserved.
        sa.Index(
            "ix_nodes_reservation",
            "reservation",
            postgresql_where=sa.text("reservation IS NOT NULL"),
            sqlite_where=sa.text("reservation IS NOT NULL"),
        ),
        _NUMBERED,
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    driver: Mapped[str] = mapped_column(sa.String(64), index=True)
    driver_info: Mapped[dict[str, Any]]
    driver_internal_info: Mapped[dict[str, Any]]
    properties: Mapped[dict[str, Any]]
    extra: Mapped[dict[str, Any]]
    power_state: Mapped[str | None] = mapped_column(sa.String(20))
    wanted_power_state: Mapped[str | None] = mapped_column(sa.String(20))
    power_policy: Mapped[str | None] = mapped_column(sa.String(16))
    enforcement: Mapped[str | None] = mapped_column(sa.String(255))
    target_power_state: Mapped[str | None] = mapped_column(sa.String(20), index=True)
    power_request_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    power_requested_by: Mapped[str | None] = mapped_column(sa.String(255))
    power_requested_at: Mapped[datetime | None]
    power_changed_at: Mapped[datetime | None]
    power_failures: Mapped[int]
    health: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    health_checked_at: Mapped[datetime | None]
    health_lasts: Mapped[float | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    maintenance: Mapped[bool]
    maintenance_reason: Mapped[str | None] = mapped_column(sa.Text)
    fault: Mapped[str | None] = mapped_column(sa.String(64))
    reservation: Mapped[Worker | None]
    reserved_for: Mapped[str | None] = mapped_column(sa.String(255))
    reserved_at: Mapped[datetime | None]
    conductor_group: Mapped[str] = mapped_column(sa.String(255))
    identity: Mapped[str | None] = mapped_column(Exact)
    controller: Mapped[str | None] = mapped_column(Exact)
    endpoint: Mapped[str | None] = mapped_column(Exact)
    slot: Mapped[int] = mapped_column(server_default=sa.text("0"))
    provision_state: Mapped[str] = mapped_column(sa.String(20), server_default="available")
    provision_updated_at: Mapped[datetime | None]
    instance_uuid: Mapped[str | None] = mapped_column(sa.String(36))
    instance_name: Mapped[str | None] = mapped_column(sa.String(255))
    resource_class: Mapped[str | None] = mapped_column(sa.String(80))
    owner: Mapped[str | None] = mapped_column(sa.String(255))
    lessee: Mapped[str | None] = mapped_column(sa.String(255))
    shard: Mapped[str | None] = mapped_column(sa.String(255))
    parent_node: Mapped[str | None] = mapped_column(sa.String(36))
    chassis_uuid: Mapped[str | None] = mapped_column(sa.String(36))
    retired: Mapped[bool | None]
    disable_power_off: Mapped[bool | None]
    description: Mapped[str | None] = mapped_column(sa.Text)
    record: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    version: Mapped[int] = mapped_column(RowId, index=True)
    learned: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), index=True)
    credentials_changed_at: Mapped[datetime | None] = mapped_column(index=True)
    credentials_expire_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PowerReadingRow(Base):
    """When the power of a node was last read; None for never. Every node has such a row.

    It is written for every node in every sweep, and so stands apart from the rest of the node, which is 50
    times as large. No index may have the time in it: only so can PostgreSQL write the new row beside the old
    one, in the room that the table's fillfactor leaves, and touch no index (a HOT update).
    """

    __tablename__ = "power_readings"

    node_id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=False)
    checked_at: Mapped[datetime | None]


class ChangeCounterRow(Base):
    """The newest number that a change of nodes was given; the only row has the id 1.

    ``generation`` counts how often slots were given to other members, see podium.db.slots; ``rosters`` counts
    how often members or the owners of slots changed, and ``reads`` how often conductors were asked to read
    hardware. ``fleet_id`` is a UUID of the database, also of copies. ``learned`` is the newest number of what
    conductors only learned, and ``before`` the newest of anything else before that.
    """

    __tablename__ = "change_counter"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(sa.BigInteger)
    deletions: Mapped[int] = mapped_column(sa.BigInteger)
    generation: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    rosters: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    reads: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    fleet_id: Mapped[str | None] = mapped_column(sa.String(36))
    learned: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    before: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))


class DeletionRow(Base):
    """A node or conductor that was deleted by a change, kept for a day, see podium.db.news.

    :ivar kind: nodes or conductors; ``mark`` for a row that only says since when deletions are kept
    """

    __tablename__ = "deletions"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    change: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    uuid: Mapped[str] = mapped_column(sa.String(36))
    name: Mapped[str] = mapped_column(sa.String(255))
    at: Mapped[datetime]


class SchemaFloorRow(Base):
    """The oldest revision of the schema whose program may use this one; the only row has the id 1."""

    __tablename__ = "schema_floor"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[str] = mapped_column(sa.String(32))


class MemberRow(Base):
    """One worker process from its entry to its end; its number is never given again.

    ``process`` distinguishes one run of the daemon from the next. ``lease`` and ``interval`` are the seconds
    for which a heartbeat promises that it lives, and from one heartbeat to the next. ``conductor_groups`` are
    the groups that it serves, its own first, and ``fallback_groups`` those that it serves when nobody else
    does. ``acknowledged`` is the newest generation of which it has given up what it lost. A member that
    ``leaves`` gets no slots. ``version`` is Podium's, ``revision`` is that of the schema for which it was
    written, and ``fingerprint`` stands for its options. ``change`` is the number of the newest change of what
    people see of it. ``secret_keys`` are the names of the keys that it holds, None for a version without.
    """

    __tablename__ = "members"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    host: Mapped[str] = mapped_column(sa.String(255))
    worker: Mapped[int]
    process: Mapped[str] = mapped_column(sa.String(255))
    drivers: Mapped[list[str]]
    conductor_groups: Mapped[list[str]]
    fallback_groups: Mapped[list[str]]
    lease: Mapped[float]
    interval: Mapped[float]
    version: Mapped[str] = mapped_column(sa.String(64))
    revision: Mapped[str] = mapped_column(sa.String(32))
    fingerprint: Mapped[str] = mapped_column(sa.Text)
    leaves: Mapped[bool]
    acknowledged: Mapped[int] = mapped_column(sa.BigInteger)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_by: Mapped[Worker | None]
    ended_why: Mapped[str | None] = mapped_column(sa.String(255))
    change: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    secret_keys: Mapped[list[str] | None]


class LeaseRow(Base):
    """What a member that has not ended raises at each heartbeat, in a row that nobody else locks for long.

    ``renewed_at`` is for people to read; nothing is decided by it.
    """

    __tablename__ = "leases"
    __table_args__ = (sa.Index("ix_leases_worker", "host", "worker", unique=True),)

    member_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    host: Mapped[str] = mapped_column(sa.String(255))
    worker: Mapped[int]
    number: Mapped[int] = mapped_column(sa.BigInteger)
    renewed_at: Mapped[datetime]


class SlotRow(Base):
    """Who owns the nodes of one slot of a group and driver, since which generation; None for nobody."""

    __tablename__ = "slots"

    conductor_group: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    driver: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)
    generation: Mapped[int] = mapped_column(sa.BigInteger)


class AvoidanceRow(Base):
    """A conductor that must not have the nodes of a subnet, whose number it is, see podium.db.subnets."""

    __tablename__ = "avoidances"

    subnet: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    host: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    number: Mapped[int]


class CrossCheckRow(Base):
    """A node that its owner cannot read, and that another member reads once, see podium.db.cross_checks.

    ``network`` is where the owner reads nothing, ``reader`` the other member. What it read is
    ``power_state``, or ``failure`` says why it read nothing.
    """

    __tablename__ = "cross_checks"

    node_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    network: Mapped[str | None] = mapped_column(sa.String(255))
    asked_by: Mapped[Worker]
    reader: Mapped[Worker]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    power_state: Mapped[str | None] = mapped_column(sa.String(20))
    failure: Mapped[str | None] = mapped_column(sa.Text)


class ConductorRow(Base):
    """A daemon, by its host name: what outlives its workers, which are members.

    ``retention_at`` is up to when it has measured that time passed, see podium.db.retention. While
    ``draining_since`` is set, its members get no slots that others could have; ``change`` is the number of
    the newest change of that.
    """

    __tablename__ = "conductors"

    hostname: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    workers: Mapped[int]
    started_at: Mapped[datetime]
    retention_at: Mapped[datetime | None]
    draining_since: Mapped[datetime | None]
    change: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))


class EnforcementRow(Base):
    """Whether enforcement is frozen in the whole fleet; the only row has the id 1.

    ``thaws`` counts how often people ended a freeze, and ``asked`` the questions for what members count, see
    podium.db.enforcement.
    """

    __tablename__ = "enforcement"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    frozen_at: Mapped[datetime | None]
    frozen_reason: Mapped[str | None] = mapped_column(sa.Text)
    thaws: Mapped[int] = mapped_column(sa.BigInteger)
    asked: Mapped[int] = mapped_column(sa.BigInteger)


class EnforcementCountsRow(Base):
    """What a member counts of its nodes, by group, see podium.db.enforcement."""

    __tablename__ = "enforcement_counts"

    member_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    groups: Mapped[dict[str, Any]]
    round: Mapped[float]
    thaws: Mapped[int] = mapped_column(sa.BigInteger)
    answered: Mapped[int] = mapped_column(sa.BigInteger)


class ConductorWorkerRow(Base):
    """One worker process of a daemon, and the figures that it recorded last."""

    __tablename__ = "conductor_workers"

    conductor: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    worker: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    statistics: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class OperationRow(Base):
    """What a person, or enforcement, asked of the power of some nodes at once, or of their credentials.

    ``change`` is the number of the newest change of it or of the states of its requests. The last two are of
    operations that change credentials: how many nodes are tried before the others, and what it undoes.
    """

    __tablename__ = "operations"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    action: Mapped[str] = mapped_column(sa.String(20))
    requested_by: Mapped[str] = mapped_column(sa.String(255))
    requested_at: Mapped[datetime] = mapped_column(index=True)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    nodes: Mapped[int]
    timeout: Mapped[float | None]
    then_off: Mapped[bool]
    cancelled_by: Mapped[str | None] = mapped_column(sa.String(255))
    cancelled_at: Mapped[datetime | None]
    change: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"), index=True)
    canaries: Mapped[int | None]
    undoes: Mapped[int | None] = mapped_column(sa.BigInteger)


class PowerRequestRow(Base):
    """An operation's share in one node, from being asked for to its end.

    ``state`` is held, waiting, begun, done, failed, cancelled or replaced: one that is held waits when others
    of its operation are done. ``holder`` is the worker that began it;
    ``sent_at`` is when its first command was sent; ``power_state`` is what was read last.
    """

    __tablename__ = "power_requests"
    __table_args__ = (sa.Index("ix_power_requests_operation_id", "operation_id", "node_id"), _NUMBERED)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    operation_id: Mapped[int] = mapped_column(sa.BigInteger)
    node_id: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    node_uuid: Mapped[str] = mapped_column(sa.String(36))
    node_name: Mapped[str] = mapped_column(sa.String(255))
    action: Mapped[str] = mapped_column(sa.String(20))
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    not_before: Mapped[datetime]
    timeout: Mapped[float | None]
    then_off: Mapped[bool]
    requested_by: Mapped[str] = mapped_column(sa.String(255))
    requested_at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    holder: Mapped[Worker | None]
    begun_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    power_state: Mapped[str | None] = mapped_column(sa.String(20))
    error: Mapped[str | None] = mapped_column(sa.Text)


class CredentialChangeRow(Base):
    """What a request that changes credentials knows beside :class:`PowerRequestRow`.

    ``new`` and ``old`` are entries of ``driver_info``, by their names. ``endpoint`` names the account where
    it is that of several nodes. ``state`` is asked (the hardware was sent nothing), sent (it may have
    either), in force (the node has the new ones), kept (it has the old ones) or unknown (neither was proved;
    both are kept until one is). ``settled_at`` is when the last three came about; ``old`` stays for some days
    after that, so that it can be undone.
    """

    __tablename__ = "credential_changes"

    request_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    operation_id: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    node_id: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    node_uuid: Mapped[str] = mapped_column(sa.String(36))
    endpoint: Mapped[str | None] = mapped_column(Exact)
    on_bmc: Mapped[bool]
    state: Mapped[str] = mapped_column(sa.String(16))
    new: Mapped[dict[str, Any]]
    old: Mapped[dict[str, Any]]
    expire_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None] = mapped_column(index=True)


class SecretKeyRow(Base):
    """A key with which something in this database is encrypted, by its name; the key itself is elsewhere."""

    __tablename__ = "secret_keys"

    name: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    since: Mapped[datetime]


class PowerStartRow(Base):
    """A machine of a power domain that was begun of late, see podium.db.power_limits."""

    __tablename__ = "power_starts"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    domain: Mapped[str] = mapped_column(Exact, index=True)
    begun_at: Mapped[datetime]


class PowerEventRow(Base):
    """One event of a node's power: who changed what, when and why, and which worker recorded it.

    ``change`` is the number of the change that it is; None for what older versions recorded.
    """

    __tablename__ = "power_events"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    node_uuid: Mapped[str] = mapped_column(sa.String(36), index=True)
    node_name: Mapped[str] = mapped_column(sa.String(255))
    at: Mapped[datetime] = mapped_column(index=True)
    from_state: Mapped[str | None] = mapped_column(sa.String(20))
    to_state: Mapped[str | None] = mapped_column(sa.String(20))
    cause: Mapped[str] = mapped_column(sa.String(32))
    who: Mapped[str | None] = mapped_column(sa.String(255))
    reason: Mapped[str | None] = mapped_column(sa.Text)
    request_id: Mapped[str | None] = mapped_column(sa.String(64))
    operation_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    writer: Mapped[Worker | None]
    change: Mapped[int | None] = mapped_column(sa.BigInteger, index=True)


class NotificationCursorRow(Base):
    """Up to which event a sink has been notified, by which member, and since when that fails.

    ``owner`` alone delivers, until it has ended. ``refused_for`` are the seconds for which the sink has been
    refusing the event ``refused_id``.
    """

    __tablename__ = "notification_cursors"

    sink: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    owner: Mapped[int | None] = mapped_column(sa.BigInteger)
    event_id: Mapped[int] = mapped_column(sa.BigInteger)
    failing_since: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    refused_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    refused_for: Mapped[float] = mapped_column(server_default=sa.text("0"))


class NotificationSinkRow(Base):
    """A sink that a conductor has in its configuration."""

    __tablename__ = "notification_sinks"

    hostname: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    sink: Mapped[str] = mapped_column(sa.String(255), primary_key=True)


class NotificationRefusalRow(Base):
    """An event that a sink refused for so long that it was set aside."""

    __tablename__ = "notification_refusals"

    sink: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    event_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    error: Mapped[str] = mapped_column(sa.Text)


class PeriodicTaskRow(Base):
    """One periodic task of one worker of a conductor: how its runs went."""

    __tablename__ = "periodic_tasks"

    conductor: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    task: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    worker: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(sa.String(16))
    spacing: Mapped[float]
    last_run: Mapped[datetime | None]
    duration: Mapped[float | None]
    runs: Mapped[int]
    failures: Mapped[int]
    skipped: Mapped[int]
    deadline_misses: Mapped[int]
    last_error: Mapped[str | None] = mapped_column(sa.Text)


class DisabledTaskRow(Base):
    """A periodic task that people have disabled: for one conductor, or with an empty name for all."""

    __tablename__ = "disabled_tasks"

    task: Mapped[str] = mapped_column(sa.String(255), primary_key=True)
    conductor: Mapped[str] = mapped_column(sa.String(255), primary_key=True)


class TaskCommandRow(Base):
    """What a person asked of a periodic task of a running daemon, once for each of its workers."""

    __tablename__ = "task_commands"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    conductor: Mapped[str] = mapped_column(sa.String(255), index=True)
    worker: Mapped[int]
    task: Mapped[str] = mapped_column(sa.String(255))
    action: Mapped[str] = mapped_column(sa.String(16))
    node_uuid: Mapped[str | None] = mapped_column(sa.String(36))
    requested_by: Mapped[str | None] = mapped_column(sa.String(255))
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    duration: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(sa.Text)


class HardwareReadRow(Base):
    """What a person asked to have read from the hardware of a node, and the answer.

    ``reader`` is the member that is asked; ``error_kind`` is the name of the error's class in podium.errors.
    """

    __tablename__ = "hardware_reads"
    __table_args__ = (sa.Index("ix_hardware_reads_reader", "reader", "finished_at"), _NUMBERED)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    node_uuid: Mapped[str] = mapped_column(sa.String(36), index=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    reader: Mapped[Worker]
    requested_by: Mapped[str] = mapped_column(sa.String(255))
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any] | None]
    error_kind: Mapped[str | None] = mapped_column(sa.String(64))
    error: Mapped[str | None] = mapped_column(sa.Text)


class PortRow(Base):
    """A network interface of a node, as people and their programs note it; conductors do not use it."""

    __tablename__ = "ports"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    node_id: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    address: Mapped[str] = mapped_column(sa.String(18), unique=True)
    name: Mapped[str | None] = mapped_column(sa.String(255), unique=True)
    record: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]


class ChassisRow(Base):
    """An enclosure of nodes, as people and their programs note it; conductors do not use it."""

    __tablename__ = "chassis"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    description: Mapped[str | None] = mapped_column(sa.Text)
    extra: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]


class ApiTokenRow(Base):
    """A bearer token; ``digest`` is the SHA-256 of its secret, in hexadecimal digits."""

    __tablename__ = "api_tokens"
    __table_args__ = _NUMBERED

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(Exact, unique=True)
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    role: Mapped[str] = mapped_column(sa.String(16))
    created_by: Mapped[str] = mapped_column(sa.String(255))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_used_from: Mapped[str | None] = mapped_column(sa.String(255))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(sa.String(255))


class KeptAnswerRow(Base):
    """The answer to a call of one person with a key of its own, see podium.db.kept_answers."""

    __tablename__ = "kept_answers"

    who: Mapped[str] = mapped_column(Exact, primary_key=True)
    key: Mapped[str] = mapped_column(Exact, primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    answer: Mapped[dict[str, Any]]
    kept_at: Mapped[datetime]


nodes = cast(sa.Table, NodeRow.__table__)
power_readings = cast(sa.Table, PowerReadingRow.__table__)
change_counter = cast(sa.Table, ChangeCounterRow.__table__)
deletions = cast(sa.Table, DeletionRow.__table__)
schema_floor = cast(sa.Table, SchemaFloorRow.__table__)
members = cast(sa.Table, MemberRow.__table__)
leases = cast(sa.Table, LeaseRow.__table__)
slots = cast(sa.Table, SlotRow.__table__)
avoidances = cast(sa.Table, AvoidanceRow.__table__)
cross_checks = cast(sa.Table, CrossCheckRow.__table__)
conductors = cast(sa.Table, ConductorRow.__table__)
enforcement = cast(sa.Table, EnforcementRow.__table__)
enforcement_counts = cast(sa.Table, EnforcementCountsRow.__table__)
conductor_workers = cast(sa.Table, ConductorWorkerRow.__table__)
operations = cast(sa.Table, OperationRow.__table__)
power_requests = cast(sa.Table, PowerRequestRow.__table__)
notification_cursors = cast(sa.Table, NotificationCursorRow.__table__)
notification_sinks = cast(sa.Table, NotificationSinkRow.__table__)
notification_refusals = cast(sa.Table, NotificationRefusalRow.__table__)
credential_changes = cast(sa.Table, CredentialChangeRow.__table__)
secret_keys = cast(sa.Table, SecretKeyRow.__table__)
power_starts = cast(sa.Table, PowerStartRow.__table__)
power_events = cast(sa.Table, PowerEventRow.__table__)
periodic_tasks = cast(sa.Table, PeriodicTaskRow.__table__)
disabled_tasks = cast(sa.Table, DisabledTaskRow.__table__)
task_commands = cast(sa.Table, TaskCommandRow.__table__)
hardware_reads = cast(sa.Table, HardwareReadRow.__table__)
ports = cast(sa.Table, PortRow.__table__)
chassis = cast(sa.Table, ChassisRow.__table__)
api_tokens = cast(sa.Table, ApiTokenRow.__table__)
kept_answers = cast(sa.Table, KeptAnswerRow.__table__)


def columns(table: sa.Table, names: Iterable[str]) -> list[sa.Column[Any]]:
    """The columns of a table with these names, such as the fields of a record."""
    return [table.c[name] for name in names]


#: The name that the time of the last reading has in records of nodes.
CHECKED_AT: Final = "power_checked_at"
#: No join: a subquery that is selected may stand in a statement that locks nodes.
_CHECKED_AT: Final = (
    sa.select(power_readings.c.checked_at)
    .where(power_readings.c.node_id == nodes.c.id)
    .correlate(nodes)
    .scalar_subquery()
    .label(CHECKED_AT)
)


def node_columns(names: Iterable[str]) -> list[sa.ColumnElement[Any]]:
    """What to select of nodes for these names: columns, and the time of the last reading."""
    return [_CHECKED_AT if name == CHECKED_AT else nodes.c[name] for name in names]
