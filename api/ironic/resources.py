"""Ports and chassis: one table of the fields of a resource makes its checks, what is shown, and its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic import collections
from podium.api.ironic.collections import Page
from podium.client.values import Kind
from podium.db.paging import Order

OBJECT: Final[Mapping[str, Any]] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class ResourceField:
    """One field of a resource.

    :param since: the lowest minor version that has it
    :param kind: of the values that may be written; None for a field that nobody writes
    :param default: what is shown where nothing was written
    :param required: whether every resource has a value
    :param fixed: whether it is written when the resource is made, and never again
    """

    name: str
    since: int = 1
    kind: Kind | None = None
    default: Any = None
    required: bool = False
    fixed: bool = False


def body(fields: Sequence[ResourceField]) -> tuple[Field, ...]:
    """Return the fields of the body that makes a resource."""
    return tuple(
        Field(one.name, one.kind, since=one.since, required=one.required)
        for one in fields
        if one.kind is not None
    )


def known(fields: Sequence[ResourceField], minor: int) -> tuple[str, ...]:
    """Return the names of the fields that a version has."""
    return tuple(one.name for one in fields if one.since <= minor)


def shown(fields: Sequence[ResourceField], values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the fields with these names as they are shown.

    :param values: by name; what is missing or None is shown as its default
    """
    found = {}
    for one in fields:
        if one.name in names:
            value = values.get(one.name)
            value = one.default if value is None else value
            found[one.name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def order(page: Page) -> Order:
    """Return which rows a page is made of."""
    return Order(page.limit, page.marker, page.sort_key, page.descending)


def listing(request: Request, name: str, page: Page, items: Sequence[Any], texts: Sequence[Any]) -> Response:
    """Return the answer that is a page.

    :param name: of the list in it
    :param items: those that were found, with a ``uuid`` each; one more than fit if there are more
    :param texts: what is shown of those that fit
    """
    answer: dict[str, Any] = {name: texts}
    if len(items) > page.limit:
        answer["next"] = collections.following(request, page, items[page.limit - 1].uuid)
    return JSONResponse(answer)


def no_marker(page: Page) -> Fault:
    """Return the fault of a page that begins after what is not there."""
    return Fault(404, f"the marker {page.marker} is the UUID of nothing here")


def schema(name: str) -> Mapping[str, Any]:
    """Return the schema of a page."""
    items = {"type": "array", "items": OBJECT}
    return {"type": "object", "required": [name], "properties": {name: items, "next": {"type": "string"}}}
