"""Checks the values for a node, from command lines and from files."""

import difflib
import math
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from podium import errors, masking
from podium.cli.catalog import Catalog
from podium.drivers import base

#: Letters, digits, _, - and dots, as in host names.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}\Z")
_GROUP: Final = re.compile(r"[A-Za-z0-9_.-]{0,255}\Z")

#: YAML's aliases allow small files with huge values; a node needs few.
_MOST_VALUES: Final = 10_000
_LONGEST: Final = 65_536
_DEEPEST: Final = 20


def _name(value: str) -> str | None:
    if not _NAME.match(value):
        return f"name {value[:80]!r} is not a host name: up to 255 letters, digits, _, - and dots"
    return None


def _uuid(value: str) -> str | None:
    return None if canonical(value) else f"uuid {value[:80]!r} is not a UUID"


def _group(value: str) -> str | None:
    if not _GROUP.match(value):
        return f"conductor_group {value[:80]!r} is not made of up to 255 letters, digits, _, - and dots"
    return None


def _json(column: str) -> Callable[[Any], str | None]:
    def check(value: Mapping[Any, Any]) -> str | None:
        try:
            _measure(value, _DEEPEST, [_MOST_VALUES])
        except ValueError as fault:
            return f"{column}: {fault}"
        return None

    return check


#: The fields of a node: the type, its name for people, and further conditions.
FIELDS: Final[Mapping[str, tuple[type, str, Callable[[Any], str | None] | None]]] = {
    "name": (str, "text", _name),
    "uuid": (str, "text", _uuid),
    "driver": (str, "text", None),
    "driver_info": (dict, "a mapping", _json("driver_info")),
    "properties": (dict, "a mapping", _json("properties")),
    "extra": (dict, "a mapping", _json("extra")),
    "conductor_group": (str, "text", _group),
    "maintenance": (bool, "true or false", None),
}


def canonical(text: str) -> str | None:
    """Return a UUID in the form of the database; None for anything else."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def faults(row: Any, catalog: Catalog) -> list[str]:
    """Return all faults of the values for one node, without regard to other nodes.

    :param row: values by the names in :data:`FIELDS`; may be anything, because it comes from a file
    """
    if not isinstance(row, dict):
        return [f"it is {_kind(row)}, not a mapping with name and driver"]
    found = [f"{key} is missing" for key in ("name", "driver") if row.get(key) is None]
    for key, value in row.items():
        if key not in FIELDS:
            found.append(_unknown(key))
            continue
        kind, words, check = FIELDS[key]
        if value is None:
            continue
        wrong = check(value) if check and isinstance(value, kind) else None
        if not isinstance(value, kind):
            quotes = ": put it in quotes" if kind is str and isinstance(value, int | float) else ""
            wrong = f"{key} is {_kind(value)}, not {words}{quotes}"
        found += [wrong] if wrong else []
    return found or _identity_faults(row) or driver_faults(row, catalog)


def _unknown(key: Any) -> str:
    if not isinstance(key, str):
        return f"a key is {_kind(key)}, not text; there are {', '.join(FIELDS)}"
    near = difflib.get_close_matches(key, FIELDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FIELDS)}"
    return f"{key[:80]!r} is not known; {hint}"


def _identity_faults(row: Mapping[str, Any]) -> list[str]:
    as_uuid = canonical(row["name"])
    if as_uuid and as_uuid != canonical(row.get("uuid") or ""):
        return [f"name {row['name']} is the UUID of another node"]
    return []


def driver_faults(row: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """Return the faults that the node's driver finds."""
    info = row.get("driver_info") or {}
    node = base.Node(
        uuid=row.get("uuid") or "",
        name=row["name"],
        driver=row["driver"],
        driver_info=info,
        properties=row.get("properties") or {},
        extra=row.get("extra") or {},
    )
    try:
        catalog.driver(row["driver"]).validate(node)
    except (errors.InvalidDriverInfo, errors.DriverLoadError) as fault:
        return [errors.one_line(fault)]
    except errors.ConfigError:
        raise
    except Exception as fault:
        text = masking.scrub(errors.one_line(fault), info, catalog.secrets(row["driver"]))
        return [f"driver {row['driver']} failed to check driver_info: {text}"]
    return []


def _kind(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


def _measure(value: Any, depth: int, budget: list[int]) -> None:
    budget[0] -= 1
    if budget[0] < 0:
        raise ValueError(f"it has more than {_MOST_VALUES} values")
    if depth == 0:
        raise ValueError(f"it is more than {_DEEPEST} levels deep")
    match value:
        case dict():
            if any(not isinstance(key, str) for key in value):
                raise ValueError("a key is not text: put it in quotes")
            for one in value.values():
                _measure(one, depth - 1, budget)
        case list():
            for one in value:
                _measure(one, depth - 1, budget)
        case str() if len(value) > _LONGEST:
            raise ValueError(f"a text has more than {_LONGEST} characters")
        case int() if value.bit_length() > 64:
            raise ValueError("a number has more than 64 bits")
        case float() if not math.isfinite(value):
            raise ValueError("infinity and not-a-number cannot be saved")
        case None | bool() | int() | float() | str():
            pass
        case _:
            raise ValueError(f"a {type(value).__name__} cannot be saved: put it in quotes")
