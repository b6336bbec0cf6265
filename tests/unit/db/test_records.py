"""The records that queries answer with have the types of the columns that they are made of."""

from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa

from podium.db import (
    api,
    chassis,
    claims,
    fleet,
    hardware_reads,
    ledger,
    members,
    models,
    notifications,
    operations,
    ports,
    task_commands,
)


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (api.NodeKey, models.nodes),
        (api.NodeRecord, models.nodes),
        (claims.Claim, models.nodes),
        (fleet.Changed, models.nodes),
        (fleet.OwnedNode, models.nodes),
        (members.Member, models.members),
        (operations.PowerRequest, models.power_requests),
        (ledger.Event, models.power_events),
        (notifications.Cursor, models.notification_cursors),
        (task_commands.TaskCommand, models.task_commands),
        (hardware_reads.HardwareRead, models.hardware_reads),
        (ports.Port, models.ports),
        (chassis.Chassis, models.chassis),
    ],
)
def test_a_record_has_the_types_of_its_columns(record: type[Any], table: sa.Table) -> None:
    columns = {column.name: type_of(column) for column in table.columns}
    fields = get_type_hints(record)
    fields.pop("age", None)  # of a time in a column, by the database's clock
    fields.pop("node_uuid", None)  # for the number of the node
    columns[models.CHECKED_AT] = type_of(models.power_readings.c.checked_at)
    assert fields == {name: columns[name] for name in fields}


def type_of(column: sa.Column[Any]) -> Any:
    """The type of what a column holds, None included where it may."""
    kind: Any = column.type.python_type
    if isinstance(column.type, sa.JSON):
        kind = list[str] if isinstance(column.type, models.Texts) else dict[str, Any]
    return kind | None if column.nullable else kind


def test_the_record_of_a_node_has_every_column_that_people_see() -> None:
    columns = {*models.nodes.columns.keys(), models.CHECKED_AT}
    assert {*api.NodeRecord._fields} == columns - {"name_key", "clock_set_at", "clock_offset_before"}
