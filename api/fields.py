"""Fields of bodies and parameters: one description serves both the checks and the OpenAPI document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.api.faults import Fault
from podium.client.enrolling.values import Kind


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, or one parameter of a query.

    :param since: the lowest minor version of the API that has it
    :param required: whether a body must have it
    :param nullable: whether it may be null, which means the same as leaving it out
    """

    name: str
    kind: Kind
    since: int = field(default=1, kw_only=True)
    required: bool = field(default=False, kw_only=True)
    nullable: bool = field(default=True, kw_only=True)


def described(schema: Mapping[str, Any], since: int, *, nullable: bool) -> dict[str, Any]:
    """Return the schema of a value, with the version that introduced it."""
    return {**({"anyOf": [schema, {"type": "null"}]} if nullable else schema), **since_words(since)}


def since_words(since: int) -> dict[str, str]:
    """Return the description with the version of introduction; empty for the lowest version."""
    return {"description": f"Since version 1.{since}"} if since > 1 else {}


def check_body(value: Any, fields: Iterable[Field], minor: int) -> dict[str, Any]:
    """Return the checked fields of a body; missing and null fields are left out.

    :raises podium.api.faults.Fault: naming the first field that is wrong, or (406) too new for the version
    """
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise Fault(400, "the body must be an object of JSON")
    known = {one.name: one for one in fields}
    if unknown := [name for name in value if name not in known]:
        raise Fault(400, f"unknown: {', '.join(unknown)[:200]}; there are {', '.join(known) or 'no fields'}")
    found = {}
    for name, one in known.items():
        given = value.get(name)
        if given is not None and one.since > minor:
            raise Fault(406, f"{name} needs version 1.{one.since} of the API; this request is of 1.{minor}")
        if given is None:
            if one.required:
                raise Fault(400, f"{name} is missing")
            if name in value and not one.nullable:
                raise Fault(400, f"{name} must not be null")
            continue
        found[name] = checked(one, given)
    return found


def checked(one: Field, value: Any) -> Any:
    """Return the checked value of a field, converted for storage.

    :raises podium.api.faults.Fault: the value is not of the field's type
    """
    try:
        return one.kind.check(value)
    except ValueError as fault:
        raise Fault(400, f"{one.name} {fault}") from None
