"""What can be removed from nodes: records, and single entries of mappings and lists."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from podium.client.records.node_records import RECORDS
from podium.wording import nearest

#: Records with several values.
SEVERAL: Final = ("traits", "instance_info", "network_data")
#: Fields from which single entries are removed, and whether they may be empty.
_ENTRIES: Final = {"driver_info": False, "properties": True, "extra": True, **dict.fromkeys(SEVERAL, True)}
_FIELDS: Final = (*RECORDS, *(field for field in _ENTRIES if field not in RECORDS))


class Unset(NamedTuple):
    """A field, and None or one of its entries."""

    field: str
    key: str | None


def parse(text: str) -> Unset:
    """Parse ``FIELD`` or ``FIELD.KEY``.

    :raises ValueError: with the fault, and the valid names
    """
    field, dot, key = text.partition(".")
    if field not in _FIELDS:
        near = nearest(field, _FIELDS)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(_FIELDS)}"
        raise ValueError(f"there is no {field[:80]} to unset; {hint}")
    if dot and (field not in _ENTRIES or not key):
        raise ValueError(f"{field} has no entry {key[:80]}; --unset {field} unsets it")
    if not dot and not _ENTRIES.get(field, True):
        raise ValueError(f"name an entry, such as {field}.KEY")
    return Unset(field, key if dot else None)


def without(entries: Any, keys: Iterable[str | None]) -> Any:
    """Return a mapping or list without some entries; empty if one of these is None, which means all."""
    keys = set(keys)
    if None in keys:
        return type(entries)()
    if isinstance(entries, list):
        return [one for one in entries if one not in keys]
    return {key: value for key, value in entries.items() if key not in keys}
