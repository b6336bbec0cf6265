"""JSON Schemas of resources for the OpenAPI document, generated from the tables of their fields."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from podium.api.fields import described

_LINK: Final = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {"href": {"type": "string"}, "rel": {"type": "string"}},
}
LINKS: Final[Mapping[str, Any]] = {"type": "array", "items": _LINK}


class Shown(Protocol):
    """A field in answers."""

    @property
    def name(self) -> str: ...

    @property
    def since(self) -> int:
        """The lowest minor version that has it."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema of its values, apart from null."""

    @property
    def nullable(self) -> bool: ...


def ref(name: str) -> Mapping[str, Any]:
    """Return the schema that refers to a resource of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def values(fields: Iterable[Shown]) -> dict[str, Any]:
    """Return the schema of an object with some of these fields and no others."""
    properties = {one.name: described(one.schema, one.since, nullable=one.nullable) for one in fields}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def resource(fields: Iterable[Shown], parts: Iterable[tuple[str, int]] = ()) -> dict[str, Any]:
    """Return the schema of a resource.

    :param parts: the names of its possible further links, and the lowest minor version of each
    """
    found = values(fields)
    found["properties"] |= {name: described(LINKS, since, nullable=False) for name, since in parts}
    found["properties"]["links"] = LINKS
    return {**found, "required": ["links"]}


def page(name: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a page of resources.

    :param name: of the list in it
    """
    properties = {name: {"type": "array", "items": item}, "next": {"type": "string"}}
    return {"type": "object", "required": [name], "properties": properties}
