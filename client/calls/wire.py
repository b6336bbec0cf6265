"""Calls over HTTP: the same for sender and receiver."""

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

import msgspec

from podium import errors
from podium.client.calls.call import Call

#: The value of a parameter, as httpx accepts it.
Scalar: TypeAlias = str | int | float | bool | None
C = TypeVar("C", bound=Call[Any])

_IN_PATH: Final = re.compile(r"{(\w+)}")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
#: At the end of msgspec's messages: where in the value the fault is.
_WHERE: Final = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`$")
#: The steps of such a place: the name of a field, or the index in a list or mapping.
_STEP: Final = re.compile(r"\w+|\[[^\]]*\]")
#: How the message begins for a value that is none of the allowed ones, with a small letter.
_NONE_OF: Final = "invalid enum value "
#: Methods whose calls have a body.
WITH_BODY: Final = ("POST", "PUT", "PATCH")
#: Fields that may be too long for a URL.
LONG: Final = frozenset({"nodes", "numbers", "where"})
#: Suffix of the path of a GET: the same call as a POST with a body, for parameters too long for a URL.
AS_BODY: Final = "/query"
#: The header with the warnings that belong to an answer: a JSON list of texts, in ASCII.
WARNINGS: Final = "Podium-Warnings"
#: The header with a client's key for a call that it may send again.
KEY: Final = "Idempotency-Key"
#: The header with the fleet that a request is for, and that an answer is of.
FLEET: Final = "Podium-Fleet"
#: The type of an answer with one item of a list on each line.
NDJSON: Final = "application/x-ndjson"


def other_fleet(found: str, known: str) -> str:
    """Return the text of the error for a request that came to another fleet."""
    return f"this is the fleet {found}, and not {known}, which was asked here before"


def path_fields(call: type[Call[Any]]) -> list[str]:
    """Return the fields that are parts of a call's path."""
    return _IN_PATH.findall(call.path)


def target(call: Call[Any]) -> tuple[str, dict[str, Any]]:
    """Return a call's path, and its other fields, without those that have their default."""
    values = msgspec.to_builtins(call)
    inside = {name: quote(str(values.pop(name)), safe="") for name in path_fields(type(call))}
    return _IN_PATH.sub(lambda found: inside[found[1]], call.path), values


def query(values: Mapping[str, Any]) -> list[tuple[str, Scalar]]:
    """Return fields as query parameters: lists repeat, mappings have a dot in their names."""
    found: list[tuple[str, Scalar]] = []
    for name, value in values.items():
        match value:
            case dict():
                found += [(f"{name}.{key}", _text(one)) for key, one in value.items()]
            case list() | tuple():
                found += [(name, _text(one)) for one in value]
            case None:
                pass
            case _:
                found.append((name, _text(value)))
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def of_query(call: type[Call[Any]], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields from query parameters, not yet checked.

    :raises podium.errors.BadRequest: naming a parameter that is given twice, if it must not be
    """
    shapes = _shapes(call)
    found: dict[str, Any] = {}
    for name, text in pairs:
        group, dot, key = name.partition(".")
        if dot and msgspec.inspect.DictType in shapes.get(group, ()):
            inside = found.setdefault(group, {})
            if not isinstance(inside, dict) or key in inside:
                raise errors.BadRequest(f"{name if isinstance(inside, dict) else group} is given twice")
            inside[key] = text
        elif msgspec.inspect.ListType in shapes.get(name, ()):
            found.setdefault(name, []).extend(text.split(",") if possible(call, f"{name}[0]") else [text])
        elif name in found:
            raise errors.BadRequest(f"{name} is given twice")
        else:
            found[name] = text
    return found


def of_path(call: type[Call[Any]], parts: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields from a path, not yet checked: numbers as numbers, as in a body."""
    shapes = _shapes(call)
    return {
        name: int(text) if msgspec.inspect.IntType in shapes[name] and _DIGITS.fullmatch(text) else text
        for name, text in parts.items()
    }


@functools.cache
def _shapes(call: type[Call[Any]]) -> Mapping[str, tuple[type, ...]]:
    """Return which of a call's fields may be mappings or lists."""
    info: Any = msgspec.inspect.type_info(call)
    return {field.encode_name: tuple(map(type, _choices(field.type))) for field in info.fields}


def _choices(kind: Any) -> Iterable[Any]:
    return kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)


@functools.lru_cache(maxsize=1024)
def possible(call: type[Call[Any]], place: str) -> tuple[str, ...]:
    """Return the only values allowed at a place of a call; none where any value is allowed.

    :param place: as msgspec writes it, such as ``where.health`` or ``kinds[0]``
    """
    kinds: list[Any] = [msgspec.inspect.type_info(call)]
    for step in _STEP.findall(place):
        kinds = [inner for kind in kinds for one in _choices(kind) for inner in _inside(one, step)]
    found = [one for kind in kinds for one in _choices(kind)]
    return tuple(
        str(value) for one in found if isinstance(one, msgspec.inspect.LiteralType) for value in one.values
    )


def _inside(kind: Any, step: str) -> Iterable[Any]:
    match kind:
        case msgspec.inspect.StructType():
            return [field.type for field in kind.fields if field.encode_name == step]
        case msgspec.inspect.DictType():
            return [kind.value_type]
        case msgspec.inspect.ListType():
            return [kind.item_type]
    return ()


def made(call: type[C], values: Mapping[str, Any], *, texts: bool) -> C:
    """Build a call from these fields.

    :param texts: whether numbers and booleans are written as texts, as in a query
    :raises podium.errors.BadRequest: naming the field that is wrong, and what it must be
    """
    try:
        found: C = msgspec.convert(values, call, strict=not texts)
    except msgspec.ValidationError as fault:
        raise errors.BadRequest(_words(str(fault), call)) from None
    return found


def _words(fault: str, call: type[Call[Any]]) -> str:
    """Return msgspec's message with the field first, and the alternatives to an unknown one."""
    if fault.startswith("Object contains unknown field") and not _WHERE.search(fault):
        known = ", ".join(call.__struct_encode_fields__) or "no parameters"
        return f"unknown: {fault.partition('`')[2].partition('`')[0][:200]}; there are {known}"
    where = _WHERE.search(fault)
    place = where[1] if where else ""
    text = _WHERE.sub("", fault).replace("`", "")
    text = f"{text[:1].lower()}{text[1:]}"[:300]
    if text.startswith(_NONE_OF) and (there := possible(call, place)):
        text = f"{text.removeprefix(_NONE_OF)[:80]} is none of {', '.join(there)}"
    return f"{place}: {text}" if place else text
