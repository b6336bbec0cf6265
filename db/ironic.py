"""Reads the nodes of an Ironic from its database, which may have the schema of an older Ironic.

All data is from one moment. Nothing is written, and the server is configured to refuse writes.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa

from podium import errors
from podium.db.hiding import hide_values
from podium.db.limits import COMMAND, apply
from podium.db.urls import shown
from podium.wording import which


class IronicPort(NamedTuple):
    """A row of Ironic's ``ports``; None for columns that this Ironic does not have."""

    uuid: str
    address: str
    name: str | None
    description: str | None
    pxe_enabled: bool | None
    physical_network: str | None
    is_smartnic: bool | None
    vendor: str | None
    category: str | None
    available_for_dynamic_portgroup: bool | None
    local_link_connection: dict[str, Any]
    extra: dict[str, Any]

    def __repr__(self) -> str:
        return which(self)


class IronicChassis(NamedTuple):
    """A row of Ironic's ``chassis``."""

    uuid: str
    description: str | None
    extra: dict[str, Any]

    def __repr__(self) -> str:
        return which(self)


class IronicNode(NamedTuple):
    """A row of Ironic's ``nodes`` with the related rows; None for columns that this Ironic does not have."""

    uuid: str
    name: str | None
    driver: str
    driver_info: dict[str, Any]
    properties: dict[str, Any]
    extra: dict[str, Any]
    instance_uuid: str | None
    instance_name: str | None
    instance_info: dict[str, Any]
    conductor_group: str | None
    provision_state: str | None
    provision_updated_at: datetime | None
    maintenance: bool | None
    maintenance_reason: str | None
    fault: str | None
    reservation: str | None
    resource_class: str | None
    owner: str | None
    lessee: str | None
    shard: str | None
    parent_node: str | None
    description: str | None
    automated_clean: bool | None
    protected: bool | None
    protected_reason: str | None
    retired: bool | None
    retired_reason: str | None
    network_data: dict[str, Any]
    disable_power_off: bool | None
    bios_interface: str | None
    boot_interface: str | None
    console_interface: str | None
    deploy_interface: str | None
    firmware_interface: str | None
    inspect_interface: str | None
    management_interface: str | None
    network_interface: str | None
    power_interface: str | None
    raid_interface: str | None
    rescue_interface: str | None
    storage_interface: str | None
    vendor_interface: str | None
    chassis: IronicChassis | None = None
    traits: tuple[str, ...] = ()
    ports: tuple[IronicPort, ...] = ()

    def __repr__(self) -> str:
        return which(self)


#: Without these columns it is another database, such as Podium's, which has nodes too.
_ALWAYS: Final = frozenset({"id", "uuid", "driver", "driver_info", "instance_info", "chassis_id"})
#: Fields that are not columns of Ironic's table of nodes.
_ELSEWHERE: Final = frozenset({"chassis", "traits", "ports"})


def read_nodes(url: sa.URL) -> list[IronicNode]:
    """Return all nodes of an Ironic, in the order in which they were enrolled.

    :param url: as :func:`podium.db.urls.parse_url` returns it
    :raises podium.errors.DatabaseUnavailable: if the database cannot be read, or is not Ironic's
    """
    engine = sa.create_engine(
        apply(_read_only(url), COMMAND),
        poolclass=sa.pool.NullPool,
        execution_options=_OPTIONS[url.get_backend_name()],
    )
    hide_values(engine)
    if url.get_backend_name() == "mysql":
        sa.event.listen(engine, "connect", _refuse_writes)
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("BEGIN")  # so that all data is from one moment
            return _read(connection)
    except (sa.exc.SQLAlchemyError, ValueError) as fault:
        cause = getattr(fault, "orig", None) or fault
        raise errors.DatabaseUnavailable(
            f"Ironic's database {shown(url)} cannot be read: {errors.one_line(cause)}"
        ) from None
    finally:
        engine.dispose()


_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sqlite": {},
    "mysql": {"isolation_level": "REPEATABLE READ"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def _read_only(url: sa.URL) -> sa.URL:
    if url.get_backend_name() != "sqlite":
        return url
    place = f"file:{quote(url.database or '')}"
    return url.set(database=place, query={"timeout": "30", **url.query, "mode": "ro", "uri": "true"})


def _refuse_writes(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _read(connection: sa.Connection) -> list[IronicNode]:
    tables = {name: _reflected(connection, name) for name in ("nodes", "chassis", "ports", "node_traits")}
    if missing := _ALWAYS.difference(tables["nodes"].c.keys()):
        raise ValueError(f"it is not Ironic's: a table nodes with {', '.join(sorted(missing))} is not there")
    chassis = {
        row["id"]: IronicChassis(row["uuid"], row.get("description"), _mapping(row, "extra"))
        for row in _rows(connection, tables["chassis"], "id")
    }
    ports: dict[int, list[IronicPort]] = {}
    for row in _rows(connection, tables["ports"], "id"):
        ports.setdefault(row["node_id"], []).append(IronicPort(**_values(row, IronicPort._fields)))
    traits: dict[int, list[str]] = {}
    for row in _rows(connection, tables["node_traits"], "trait"):
        traits.setdefault(row["node_id"], []).append(row["trait"])
    fields = [name for name in IronicNode._fields if name not in _ELSEWHERE]
    return [
        IronicNode(
            **_values(row, fields),
            chassis=chassis.get(row["chassis_id"]),
            traits=tuple(traits.get(row["id"], ())),
            ports=tuple(ports.get(row["id"], ())),
        )
        for row in _rows(connection, tables["nodes"], "id")
    ]


_KINDS: Final[Mapping[Any, Callable[[], sa.types.TypeEngine[Any]]]] = {
    bool | None: sa.Boolean,
    datetime | None: sa.DateTime,
}
_TYPES: Final = {
    name: _KINDS[kind]()
    for record in (IronicNode, IronicPort)
    for name, kind in record.__annotations__.items()
    if kind in _KINDS
}


def _reflected(connection: sa.Connection, name: str) -> sa.TableClause:
    """Return a table with the columns that exist; none if the table does not exist."""
    inspector = sa.inspect(connection)
    names = [one["name"] for one in inspector.get_columns(name)] if inspector.has_table(name) else []
    return sa.table(name, *(sa.column(one, _TYPES.get(one)) for one in names))


def _rows(connection: sa.Connection, table: sa.TableClause, order: str) -> Iterable[Mapping[str, Any]]:
    if not table.c:
        return []
    return map(dict, connection.execute(sa.select(*table.c).order_by(table.c[order])).mappings())


def _values(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    return {name: _mapping(row, name) if name in _JSON else row.get(name) for name in fields}


_JSON: Final = frozenset(
    name
    for record in (IronicNode, IronicPort)
    for name, kind in record.__annotations__.items()
    if kind == dict[str, Any]
)


def _mapping(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    try:
        found = json.loads(row.get(column) or "{}") or {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{column} of {row['uuid']} is not a JSON object")
    return found
