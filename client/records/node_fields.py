"""The fields with which a node is enrolled, except its records, see podium.client.records.node_records."""

from collections.abc import Mapping
from typing import Final

#: The type, and its name for people.
FIELDS: Final[Mapping[str, tuple[type, str]]] = {
    "name": (str, "text"),
    "uuid": (str, "text"),
    "driver": (str, "text"),
    "driver_info": (dict, "a mapping"),
    "properties": (dict, "a mapping"),
    "extra": (dict, "a mapping"),
    "conductor_group": (str, "text"),
    "maintenance": (bool, "true or false"),
    "maintenance_reason": (str, "text"),
    "provision_state": (str, "text"),
}
