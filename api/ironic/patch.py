"""JSON-PATCH (RFC 6902) in Ironic's form: add, replace and remove, for fields that a resource already has.

The operations move, copy and test are refused, as by Ironic: they could move a secret to a place where it is
shown, or help to guess it.
"""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from podium.api.faults import Fault
from podium.api.fields import Field, described

_SETS: Final = ("add", "replace")
_OPERATIONS: Final = (*_SETS, "remove")
#: The most keys of a path.
_DEEPEST: Final = 20
#: The end of a list, in the path of an addition.
_END: Final = "-"


def schema(fields: Iterable[Field]) -> Mapping[str, Any]:
    """Return the schema of the body of a PATCH.

    :param fields: those that it may change; required ones cannot be removed
    """
    fields = tuple(fields)
    inside = "|".join(one.name for one in fields if one.kind.schema["type"] in ("array", "object"))
    place = {"type": "string", "pattern": f"^/({inside})(/[^/]+)+$"}
    removable = [f"/{one.name}" for one in fields if not one.required]
    steps = [
        *(_schema(_SETS, {"const": f"/{one.name}"}, _described(one)) for one in fields),
        _schema(_SETS, place, {}),
        _schema(("remove",), {"anyOf": [{"enum": removable}, place]}, None),
    ]
    return {"type": "array", "items": {"anyOf": steps}}


def _described(one: Field) -> Mapping[str, Any]:
    return described(one.kind.schema, one.since, nullable=not one.required)


def _schema(
    operations: Sequence[str], path: Mapping[str, Any], value: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    properties = {"op": {"enum": list(operations)}, "path": path}
    if value is not None:
        properties["value"] = value
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class Step(NamedTuple):
    """One operation.

    :param path: the keys of its place; the first is a field
    """

    operation: str
    path: tuple[str, ...]
    value: Any

    def fault(self, text: str) -> Fault:
        """Return the fault for an impossible operation."""
        return Fault(400, f"{self.operation} /{'/'.join(self.path)[:200]}: {text}")


def parse(patch: Any, fields: Collection[str]) -> list[Step]:
    """Return the operations in the body of a PATCH.

    :param fields: those that it may change
    :raises podium.api.faults.Fault: it is not a JSON-PATCH, or changes another field
    """
    if not isinstance(patch, list):
        raise Fault(400, "the body must be a list of changes, as in JSON-PATCH")
    return [_step(one, fields) for one in patch]


def _step(one: Any, fields: Collection[str]) -> Step:
    if not isinstance(one, dict) or one.keys() - {"op", "path", "value"}:
        raise Fault(400, "each change must be an object with op, path and value")
    operation, path = one.get("op"), one.get("path")
    if operation not in _OPERATIONS:
        raise Fault(400, f"op must be one of {', '.join(_OPERATIONS)}")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Fault(400, "path must be a text such as /extra/key")
    keys = tuple(key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/", _DEEPEST))
    if "" in keys or len(keys) > _DEEPEST:
        raise Fault(400, f"path {path[:200]!r} has an empty key, or more than {_DEEPEST}")
    if keys[0] not in fields:
        raise Fault(400, f"{keys[0][:80]} cannot be changed; these can: {', '.join(fields)}")
    if operation != "remove" and "value" not in one:
        raise Fault(400, f"{operation} {path[:200]} has no value")
    return Step(operation, keys, one.get("value"))


def apply(document: Mapping[str, Any], steps: Collection[Step]) -> dict[str, Any]:
    """Return a changed copy of a resource; removed fields are None.

    :param document: with every field that may be changed
    :raises podium.api.faults.Fault: naming the first operation that is not possible
    """
    changed = copy.deepcopy(dict(document))
    for step in steps:
        *way, last = step.path
        place: Any = changed
        for key in way:
            place = _inside(place, key, step)
        if isinstance(place, list):
            _change_list(place, last, step)
        elif isinstance(place, dict):
            _change_mapping(place, last, step, is_field=not way)
        else:
            raise step.fault("there is nothing that has such a key")
    return changed


def _inside(place: Any, key: str, step: Step) -> Any:
    if isinstance(place, dict) and key in place:
        return place[key]
    if isinstance(place, list):
        return place[_index(place, key, step)]
    raise step.fault(f"there is no {key[:80]}")


def _change_mapping(place: dict[str, Any], key: str, step: Step, *, is_field: bool) -> None:
    if step.operation != "add" and key not in place:
        raise step.fault(f"there is no {key[:80]}")
    if step.operation != "remove":
        place[key] = copy.deepcopy(step.value)
    elif is_field:
        place[key] = None
    else:
        del place[key]


def _change_list(place: list[Any], key: str, step: Step) -> None:
    if step.operation == "add":
        at = len(place) if key == _END else _index(place, key, step, last=len(place))
        place.insert(at, copy.deepcopy(step.value))
    elif step.operation == "replace":
        place[_index(place, key, step)] = copy.deepcopy(step.value)
    else:
        del place[_index(place, key, step)]


def _index(place: list[Any], key: str, step: Step, last: int | None = None) -> int:
    last = len(place) - 1 if last is None else last
    if not (key.isascii() and key.isdigit() and str(int(key[:9])) == key and int(key) <= last):
        raise step.fault(f"the list has no place {key[:80]}")
    return int(key)
