"""Ports and chassis: one table of a resource's fields serves its checks, its answers, and its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import masking
from podium.api.faults import Fault
from podium.api.fields import Field, checked
from podium.api.ironic import collections, patch
from podium.api.ironic.collections import Page
from podium.api.ironic.patch import Step
from podium.client.enrolling.values import Kind
from podium.db.paging import Order


@dataclass(frozen=True, slots=True)
class ResourceField:
    """One field of a resource.

    :param since: the lowest minor version that has it
    :param kind: of the values that may be written; None for a read-only field
    :param shows: the JSON Schema of its values, for a read-only field
    :param default: the value in answers if none was written
    :param required: whether every resource has a value
    :param fixed: whether it is written only when the resource is created
    """

    name: str
    since: int = 1
    kind: Kind | None = None
    default: Any = None
    required: bool = False
    fixed: bool = False
    shows: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema of its values in answers, apart from null."""
        return self.shows if self.kind is None else self.kind.schema

    @property
    def nullable(self) -> bool:
        """Whether it may be null in answers."""
        return self.default is None and not (self.required or self.fixed)


def body(fields: Sequence[ResourceField]) -> tuple[Field, ...]:
    """Return the fields of the body that creates a resource."""
    return tuple(
        Field(one.name, one.kind, since=one.since, required=one.required)
        for one in fields
        if one.kind is not None
    )


def since(fields: Sequence[ResourceField]) -> dict[str, int]:
    """Return the lowest minor version that has each field."""
    return {one.name: one.since for one in fields}


def known(fields: Sequence[ResourceField], minor: int) -> tuple[str, ...]:
    """Return the names of the fields that a version has."""
    return tuple(one.name for one in fields if one.since <= minor)


def shown(fields: Sequence[ResourceField], values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the named fields as answers show them.

    :param values: by name; missing ones and None are shown as the default
    """
    found = {}
    for one in fields:
        if one.name in names:
            value = values.get(one.name)
            value = one.default if value is None else value
            found[one.name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def patchable(fields: Sequence[ResourceField]) -> dict[str, Field]:
    """Return the fields that a PATCH may change, by name."""
    fixed = {one.name for one in fields if one.fixed}
    return {one.name: one for one in body(fields) if one.name not in fixed}


def patched(
    fields: Sequence[ResourceField], values: Mapping[str, Any], steps: Sequence[Step], minor: int
) -> dict[str, Any]:
    """Return the fields that a PATCH changes, with their new values; None for removed ones.

    :param values: of all fields that may be changed, with their secrets
    :raises podium.api.faults.Fault: naming what is wrong, or (406) too new for the version
    """
    by_name = {one.name: one for one in fields}
    names = {step.path[0] for step in steps}
    for name in names:
        if by_name[name].since > minor:
            raise Fault(406, f"{name} needs version 1.{by_name[name].since} of the API")
    document = {name: values.get(name) for name in patchable(fields)}
    document = {name: by_name[name].default if one is None else one for name, one in document.items()}
    after = patch.apply(document, steps)
    return {name: _new(by_name[name], after[name], document[name]) for name in names}


def _new(field: ResourceField, value: Any, before: Any) -> Any:
    """Return the new value of a field, with ``******`` replaced by the present secret."""
    if value is None or field.kind is None:
        if field.required:
            raise Fault(400, f"{field.name} cannot be removed")
        return None
    found = masking.restored(value, before)
    if places := list(masking.masked_places(found)):
        raise Fault(400, f"{field.name}: {places[0][:80]} is {masking.MASK}; give the secret itself")
    return checked(Field(field.name, field.kind), found)


def order(page: Page) -> Order:
    """Return the order and range of a page's rows."""
    return Order(page.limit, page.marker, page.sort_key, page.descending)


def listing(request: Request, name: str, page: Page, items: Sequence[Any], texts: Sequence[Any]) -> Response:
    """Return the answer with a page.

    :param name: of the list in it
    :param items: the items found, each with a ``uuid``; one more than fits if there are more
    :param texts: the rendered items that fit
    """
    answer: dict[str, Any] = {name: texts}
    if len(items) > page.limit:
        answer["next"] = collections.following(request, page, items[page.limit - 1].uuid)
    return JSONResponse(answer)


def no_marker(page: Page) -> Fault:
    """Return the fault for a marker that does not exist."""
    return Fault(404, f"the marker {page.marker} is the UUID of nothing here")
