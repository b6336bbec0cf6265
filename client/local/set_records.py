"""The part of SetNodes that concerns the records of nodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from podium import errors, masking
from podium.client.records import node_records, record_rules
from podium.client.records.node_records import RECORDS
from podium.client.records.unsetting import without
from podium.db.api import NodeRecord


class Records:
    """The records in a call.

    :param given: new values, by name
    :param unset: what is removed first: None, or entries, by field
    :raises podium.errors.InvalidNode: for values that are not valid
    """

    def __init__(self, given: Mapping[str, Any], unset: Mapping[str, Sequence[str | None]]) -> None:
        columns = node_records.columns({name: its for name, its in given.items() if name != "traits"})
        #: New values, which replace those of a node.
        self.values: dict[str, Any] = (columns.pop("record", None) or {}) | columns
        self._instance_info: dict[str, Any] = self.values.pop("instance_info", {})
        self._traits = given.get("traits", [])
        if not (isinstance(self._traits, list) and all(isinstance(one, str) for one in self._traits)):
            raise errors.InvalidNode(["traits must be a list of words such as CUSTOM_GPU"])
        self._unset = {name: keys for name, keys in unset.items() if name in RECORDS}
        noted = {**self.values, "instance_info": self._instance_info}
        if faults := [
            f"{place[:80]} is {masking.MASK}, which Podium shows instead of a secret; give the secret itself"
            for place in masking.masked_places(noted)
        ]:
            raise errors.InvalidNode(faults)

    def __bool__(self) -> bool:
        return bool(self.values or self._instance_info or self._traits or self._unset)

    def columns(self, node: NodeRecord) -> dict[str, Any]:
        """Return the columns of a node that change.

        :raises podium.errors.NodeConflict: for changes that the node's state does not allow
        :raises podium.errors.InvalidNode: for changes that are never valid
        """
        before = node_records.of_node(node._asdict())
        return columns_of(node, before, self._after(before))

    def _after(self, before: Mapping[str, Any]) -> dict[str, Any]:
        after = dict(before)
        for field, keys in self._unset.items():
            after[field] = RECORDS[field].default if None in keys else without(after[field], keys)
        after |= self.values
        after["traits"] = [*dict.fromkeys([*after["traits"], *self._traits])]
        after["instance_info"] = after["instance_info"] | self._instance_info
        return after


def columns_of(node: NodeRecord, before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a node that change with its records.

    :param before: the records, by name
    :param after: the new records; changed where one follows from another
    :raises podium.errors.NodeConflict: for changes that the node's state does not allow
    :raises podium.errors.InvalidNode: for changes that are never valid
    """
    record_rules.follow(node, {**before}, after)
    changes = {
        name: None if value == RECORDS[name].default else value
        for name, value in after.items()
        if value != before[name]
    }
    return node_records.columns(changes, node.record)
