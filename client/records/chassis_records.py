"""The records that people and their programs keep about a chassis, by their names in Ironic's API."""

from collections.abc import Mapping
from typing import Any, Final

from podium.client.enrolling import file_values
from podium.client.enrolling.values import MAPPING, UUID, text
from podium.client.records.node_records import Record

CHASSIS_RECORDS: Final[Mapping[str, Record]] = {
    one.name: one
    for one in (
        Record("uuid", UUID, True),
        Record("description", text(255), True),
        Record("extra", MAPPING, True, {}),
    )
}


def settle(given: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of a chassis, and all faults of the values for it.

    :param given: what a file has for it, of any type
    """
    values, faults = file_values.settle(given, CHASSIS_RECORDS, "uuid")
    return {"uuid": None, "description": None, **values, "extra": values.get("extra") or {}}, faults
