"""Checks the values for a node, from command lines and from files."""

import functools
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from podium import errors, masking
from podium.client import texts
from podium.client.enrolling import driver_values, identities, plain_values, scalars
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.plain_values import plain
from podium.client.records import node_records
from podium.client.records.node_columns import AGE, COLUMNS, CONDUCTOR
from podium.client.records.node_fields import FIELDS
from podium.client.records.node_records import RECORDS
from podium.db import machines
from podium.db.provision_states import ACTIVE, AVAILABLE, ENROLL, MANAGEABLE
from podium.drivers import base, driver_info
from podium.wording import MOST_FAULTS, nearest

#: Letters, digits, _, - and dots, as in host names.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}\Z")
_GROUP: Final = re.compile(r"[A-Za-z0-9_.-]{0,255}\Z")


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


def _provision_state(value: str) -> str | None:
    known = ENROLL, MANAGEABLE, AVAILABLE, ACTIVE
    return None if value in known else f"provision_state {value[:80]!r} is none of {', '.join(known)}"


def _reason(value: str) -> str | None:
    try:
        texts.check_reason(value)
    except errors.BadRequest as fault:
        return f"maintenance_{fault}"
    return None


#: Further conditions of fields.
_CHECKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "name": _name,
    "uuid": _uuid,
    "conductor_group": _group,
    "provision_state": _provision_state,
    "maintenance_reason": _reason,
}

#: The other columns in the output of ``podium node list``.
_OWN: Final = {*COLUMNS, CONDUCTOR, AGE} - FIELDS.keys() - RECORDS.keys()

#: Maximum unknown names in a driver_info that are compared with known ones.
_MOST_COMPARED: Final = 50


def canonical(text: str) -> str | None:
    """Return a UUID in the form of the database; None for anything else."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def settle(row: Any, catalog: Catalog, *, complete: bool = True) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of a node, and all faults of the values for it, without looking at other nodes.

    :param row: values by the names in podium.client.records.node_fields and of records; may be anything,
        because it comes from a file. Scalars are as :mod:`podium.client.enrolling.scalars` describes them.
    :param complete: whether its driver must accept its driver_info; otherwise properties that are needed to
        speak to the machine may be missing or wrong
    """
    if not isinstance(row, dict):
        return {}, [f"it is {_kind(row)}, not a mapping with name and driver"]
    settled: dict[str, Any] = {}
    noted: dict[str, Any] = {}
    found = []
    if own := [key for key in row if key in _OWN]:
        found.append(
            f"{', '.join(own)} {'are' if own[1:] else 'is'} what Podium finds out itself; leave "
            f"{'them' if own[1:] else 'it'} out"
        )
    for key, value in row.items():
        if len(found) >= MOST_FAULTS:
            break
        if key in _OWN:
            continue
        if key not in FIELDS and key not in RECORDS:
            found.append(_unknown(key))
            continue
        try:
            if key in RECORDS:
                noted[key] = plain_values.of_file(key, value, RECORDS[key].kind)
            else:
                settled[key] = _field(key, value)
        except ValueError as fault:
            found.append(str(fault))
    settled = {key: value for key, value in settled.items() if value is not None}
    try:
        settled |= node_records.columns(noted)
    except errors.InvalidNode as fault:
        found += fault.faults
    found += [f"{key} is missing" for key in ("name", "driver") if row.get(key) is None]
    if "maintenance_reason" in settled and not settled.get("maintenance"):
        found.append("maintenance_reason is for a node with maintenance: true")
    if "uuid" in settled:
        settled["uuid"] = canonical(settled["uuid"])
    found = found or _name_faults(settled)
    # A driver_info that is not a mapping is a fault already.
    if "driver" in settled and ("driver_info" in settled or row.get("driver_info") is None):
        found += _settle_driver_info(settled, catalog, complete and settled.get("provision_state") != ENROLL)
    return settled, found


def _field(key: str, value: Any) -> Any:
    """Return the value of a column.

    :raises ValueError: with what is wrong with it
    """
    kind, words = FIELDS[key]
    if scalars.is_null(value):
        if value is not None and kind is str and key != "uuid":
            raise ValueError(
                f"{key} is {value}: put it in quotes if it is that word, and leave it out if it is none"
            )
        return None
    if kind is str and not isinstance(value, dict | list):
        value = scalars.text(value)
    elif kind is bool and isinstance(value, scalars.Written):
        value = value.value
    if not isinstance(value, kind):
        raise ValueError(f"{key} is {_kind(value)}, not {words}")
    if kind is dict:
        try:
            return plain(value, texts=key == "driver_info")
        except ValueError as fault:
            raise ValueError(f"{key}: {fault}") from None
    if (check := _CHECKS.get(key)) and (wrong := check(value)):
        raise ValueError(wrong)
    return value


def _unknown(key: str) -> str:
    near = nearest(key, (*FIELDS, *RECORDS, "ports"))
    hint = f"did you mean {near}?" if near else f"there are {', '.join(FIELDS)}"
    return f"{key[:80]!r} is not known; {hint}"


def _name_faults(row: Mapping[str, Any]) -> list[str]:
    as_uuid = canonical(row["name"])
    if as_uuid and as_uuid != canonical(row.get("uuid") or ""):
        return [f"name {row['name']} is the UUID of another node"]
    return []


def _settle_driver_info(row: dict[str, Any], catalog: Catalog, complete: bool) -> list[str]:
    """Convert the row's driver_info as its driver declares it, and return the faults."""
    try:
        driver = catalog.driver(row["driver"])
    except errors.DriverLoadError as fault:
        return [errors.one_line(fault)]
    given = row.get("driver_info", {})
    row["driver_info"], wrong = driver_values.settle(given, driver.properties)
    found = [*wrong.values()]
    secrets = identities.secrets(driver)
    for column in ("driver_info", "properties", "extra", "record"):
        found += [
            f"{column}: {place[:80]} is {masking.MASK}, which Podium shows instead of a secret;"
            " give the secret itself"
            for place in masking.masked_places(row.get(column) or {}, secrets)
        ]
    if not complete:
        found += _resembling(row["driver_info"], driver, secrets)
    if not found:
        faults = _ask_driver(row, driver, secrets)
        if not faults or complete:
            return faults
        row |= {**machines.columns_of(None), "endpoint": None}
    elif complete:
        others = {key: declared for key, declared in driver.properties.items() if key not in wrong}
        found += _property_faults(others, row["driver_info"])
    return found


def _resembling(info: Mapping[str, Any], driver: base.Driver, secrets: frozenset[str]) -> list[str]:
    """Return faults of names that look like a secret's: their values would not be hidden."""
    found = []
    for key in [key for key in info if key not in driver.properties][:_MOST_COMPARED]:
        if not masking.is_secret(key) and (near := nearest(key[:80], secrets, 0.85)):
            found.append(f"driver_info: {driver.name} has no setting {key[:80]}; did you mean {near}?")
    return found


def _property_faults(declared: Mapping[str, base.Property], given: Mapping[str, Any]) -> list[str]:
    with suppress(Exception):  # the driver's validation raises the same
        return [
            errors.one_line(errors.InvalidDriverInfo(text)) for text in driver_info.faults(declared, given)
        ]
    return []


def _ask_driver(row: dict[str, Any], driver: base.Driver, secrets: frozenset[str]) -> list[str]:
    """Put what the driver names into the row, and return the faults that it finds."""
    node = base.Node(
        uuid=row.get("uuid", ""),
        name=row.get("name", ""),
        driver=driver.name,
        driver_info=row["driver_info"],
        properties=row.get("properties", {}),
        extra=row.get("extra", {}),
    )
    scrubbed = functools.partial(masking.scrub, values=node.driver_info, secret=secrets)
    try:
        driver.validate(node)
    except errors.InvalidDriverInfo as fault:
        first = errors.one_line(fault, scrubbed)
        found = _property_faults(driver.properties, node.driver_info)
        return found if first in found else [first]  # the driver may have rules of its own
    except Exception as fault:
        text = errors.one_line(fault, scrubbed)
        return [f"driver {driver.name} failed to check driver_info: {text}"]
    try:
        row |= machines.columns_of(identities.identity(driver, node))
        row["endpoint"] = identities.endpoint(driver, node)
    except ValueError as fault:
        return [str(fault)]
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
