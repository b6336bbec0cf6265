"""What a change of its driver means for a node's secrets."""

from typing import Any, Final

from podium.client.enrolling.catalog import Catalog
from podium.client.records.unsetting import without
from podium.db.api import NodeRecord

_FIELDS: Final = ("driver_info", "properties", "extra", "record")


def revelations(catalog: Catalog, node: NodeRecord, values: dict[str, Any]) -> list[str]:
    """Return what the new driver would show that the old one hides, and drop what the old one saved.

    :param values: the columns of the node that change, including driver
    """
    before, after = node.driver, values["driver"]
    internal = values.get("driver_internal_info", node.driver_internal_info)
    if saved := catalog.revealed(internal, before, after):
        values["driver_internal_info"] = without(internal, saved)
    fields = {name: values.get(name, getattr(node, name)) for name in _FIELDS}
    return catalog.revelations(fields, before, after)
