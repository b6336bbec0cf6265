"""Parses the records of nodes, ports and chassis in a file, by a table of records."""

from collections.abc import Mapping
from typing import Any

from podium import masking
from podium.client.enrolling import plain_values
from podium.client.records.node_records import Record
from podium.wording import MOST_FAULTS, nearest


def settle(given: Any, records: Mapping[str, Record], key: str) -> tuple[dict[str, Any], list[str]]:
    """Return values by name, and all faults.

    :param given: may be anything, because it comes from a file
    :param key: the name of the required value
    """
    if not isinstance(given, dict):
        return {}, [f"it is not a mapping with {key}"]
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in given.items():
        if len(faults) == MOST_FAULTS:
            break
        if name not in records:
            near = nearest(name, records)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(records)}"
            faults.append(f"{name[:80]!r} is not known; {hint}")
            continue
        try:
            values[name] = _value(name, value, records[name])
        except ValueError as fault:
            faults.append(str(fault))
    if given.get(key) is None:
        faults.append(f"{key} is missing")
    faults += [
        f"{place[:80]} is {masking.MASK}, which Podium shows instead of a secret; give the secret itself"
        for place in masking.masked_places(values)
    ]
    return values, faults


def _value(name: str, value: Any, record: Record) -> Any:
    found = plain_values.of_file(name, value, record.kind)
    try:
        return None if found is None else record.kind.check(found)
    except ValueError as fault:
        raise ValueError(f"{name} {fault}") from None
