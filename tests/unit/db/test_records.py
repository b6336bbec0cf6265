"""The records that queries answer with have the types of the columns that they are made of."""

from typing import Any, get_args, get_type_hints

import pytest

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
        (api.NodeKey, models.NodeRow),
        (api.NodeRecord, models.NodeRow),
        (claims.Claim, models.NodeRow),
        (fleet.Changed, models.NodeRow),
        (fleet.OwnedNode, models.NodeRow),
        (members.Member, models.MemberRow),
        (operations.PowerRequest, models.PowerRequestRow),
        (ledger.Event, models.PowerEventRow),
        (notifications.Cursor, models.NotificationCursorRow),
        (task_commands.TaskCommand, models.TaskCommandRow),
        (hardware_reads.HardwareRead, models.HardwareReadRow),
        (ports.Port, models.PortRow),
        (chassis.Chassis, models.ChassisRow),
    ],
)
def test_a_record_has_the_types_of_its_columns(record: type[Any], table: type[Any]) -> None:
    columns = {name: get_args(kind)[0] for name, kind in get_type_hints(table).items() if get_args(kind)}
    fields = get_type_hints(record)
    fields.pop("age", None)  # of a time in a column, by the database's clock
    fields.pop("node_uuid", None)  # for the number of the node
    columns[models.CHECKED_AT] = get_args(get_type_hints(models.PowerReadingRow)["checked_at"])[0]
    assert fields == {name: columns[name] for name in fields}


def test_the_record_of_a_node_has_every_column() -> None:
    assert {*api.NodeRecord._fields} == {*models.nodes.columns.keys(), models.CHECKED_AT}
