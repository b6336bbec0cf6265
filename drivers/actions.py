"""Actions that a driver defines: what its hardware can do that Podium has no word for."""

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from oslo_config import types

from podium import wording
from podium.wording import nearest, safe_repr

_TAG: Final = "_podium_action"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_KINDS: Final[Mapping[type, str]] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_REQUIRED: Final[Any] = inspect.Parameter.empty
#: Maximum characters of a text argument, and the maximum distance of a whole number from 0.
_LONGEST: Final = 1000
_FARTHEST: Final = 2**63 - 1

_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an action.

    :param kind: ``text``, ``whole number``, ``number`` or ``true or false``
    :param choices: the allowed texts; empty for any
    :param default: the default value; None where ``required``
    """

    name: str
    kind: str
    required: bool
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverAction:
    """An action that a driver defines.

    :param name: people call it ``DRIVER.NAME``
    :param help: what it does, in a line
    :param method: the name of the driver's method
    """

    name: str
    help: str
    arguments: tuple[Argument, ...]
    method: str


def action(
    no_method: None = None, /, *, help: str = "", name: str | None = None
) -> Callable[[_Method], _Method]:
    """Mark a method as an action that people may request: ``method(self, node, …)``.

    People give its arguments after ``node`` by name. Each is annotated as ``str``, ``int``, ``float``,
    ``bool`` or a ``Literal`` of texts, and may have a default. The action is called once, in the node's turn,
    and is recorded with its arguments, so none of them may be a secret. It may return one line of text that
    describes the result::

        @base.action(help="Blink the LED at the door of the rack")
        async def blink(self, node: base.Node, colour: Literal["red", "green"], times: int = 3) -> str:
            ...

    :param help: what it does, in a line
    :param name: by default the method's
    :raises TypeError: without parentheses
    :raises ValueError: for a help that is not one line, or a name that is not made of lowercase letters,
        digits and ``_``
    """
    if no_method is not None:
        raise TypeError('action is used with parentheses: @base.action(help="…")')
    if not isinstance(help, str) or not help.strip() or "\n" in help:
        raise ValueError(f"an action's help is one line, not {help!r}")

    def tag(method: _Method) -> _Method:
        called = method.__name__ if name is None else name
        if not isinstance(called, str) or not _NAME.match(called):
            raise ValueError(f"an action's name is lowercase letters, digits and _, not {called!r}")
        setattr(method, _TAG, (called, help.strip()))
        return method

    return tag


def driver_actions(driver: object) -> dict[str, DriverAction]:
    """Return the actions that a driver or its class defines, by name, including inherited ones.

    :raises ValueError: for an action whose arguments cannot be given
    """
    own = driver if isinstance(driver, type) else type(driver)
    found: dict[str, DriverAction] = {}
    for attribute, method, (called, text) in _marked(own):
        if called in found:
            raise ValueError(
                f"the methods {found[called].method} and {attribute} are both the action {called}"
            )
        found[called] = DriverAction(called, text, _arguments(called, method), attribute)
    return found


def _marked(own: type) -> Iterable[tuple[str, Callable[..., Any], tuple[str, str]]]:
    for attribute in dir(own):
        method = inspect.getattr_static(own, attribute, None)
        marked = getattr(method, "__func__", method)  # of a static or class method
        if isinstance(tag := getattr(marked, _TAG, None), tuple):
            if not inspect.isfunction(method):
                raise ValueError(f"the action {tag[0]} is a {type(method).__name__}, not a method")
            yield attribute, method, tag


@functools.lru_cache(maxsize=256)  # called before each power change, and inspects every attribute
def has_actions(driver: type) -> bool:
    """Whether a driver's class defines actions."""
    return next(iter(_marked(driver)), None) is not None


def _arguments(called: str, method: Callable[..., Any]) -> tuple[Argument, ...]:
    try:
        hints = get_type_hints(method)
    except Exception as cause:
        raise ValueError(f"the annotations of the action {called} cannot be read: {cause}") from cause
    parameters = [*inspect.signature(method).parameters.values()]
    if len(parameters) < 2 or any(one.kind > one.POSITIONAL_OR_KEYWORD for one in parameters[:2]):
        raise ValueError(f"the action {called} takes self and node, and then what people give it")
    return tuple(_argument(called, one, hints.get(one.name)) for one in parameters[2:])


def _argument(called: str, parameter: inspect.Parameter, hint: Any) -> Argument:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ValueError(f"the action {called} takes {parameter}; people give each argument by its name")
    choices: tuple[str, ...] = ()
    if get_origin(hint) is Literal and all(isinstance(one, str) for one in get_args(hint)):
        hint, choices = str, get_args(hint)
    if not (isinstance(hint, type) and hint in _KINDS):
        raise ValueError(
            f"the action {called} takes {parameter}, which is annotated with none of str, int, float, bool"
            " and Literal of texts"
        )
    if parameter.default is _REQUIRED:
        return Argument(parameter.name, _KINDS[hint], required=True, choices=choices)
    fits = type(parameter.default) in ((int, float) if hint is float else (hint,))
    if not fits or (choices and parameter.default not in choices):
        raise ValueError(f"the action {called} takes {parameter}, whose default is none of its values")
    return Argument(parameter.name, _KINDS[hint], False, parameter.default, choices)


def usage(argument: Argument) -> str:
    """Return how an argument is written: ``colour=red|green``, or ``[times=3]`` if it may be left out."""
    return wording.usage(**{name: getattr(argument, name) for name in Argument.__slots__})


def given(action: DriverAction, values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return the arguments of an action: the given values, converted to its types.

    A text may stand for any kind, as on a command line: ``3``, ``0.5``, ``true``.

    :param values: by argument name; an argument with a default may be missing, and is then missing in the
        result
    :raises ValueError: naming the argument that is wrong, unknown or missing, and what the action takes
    """
    known = {one.name: one for one in action.arguments}
    takes = f"it takes {' '.join(map(usage, action.arguments)) or 'nothing'}"
    for name in values:
        if name not in known:
            near = nearest(name, known)
            instead = f", did you mean {near}?" if near else ""
            raise ValueError(f"{action.name} takes no {safe_repr(name)}{instead}; {takes}")
    if missing := [one.name for one in action.arguments if one.required and one.name not in values]:
        raise ValueError(f"{action.name} needs {' and '.join(missing)}; {takes}")
    return {name: _value(action.name, known[name], value) for name, value in values.items()}


def _value(called: str, argument: Argument, value: Any) -> str | int | float | bool:
    if argument.choices:
        if value in argument.choices:
            return str(value)
        wanted = " or ".join(argument.choices)
        raise ValueError(f"{called}: {argument.name} is {wanted}, not {safe_repr(value)}")
    try:
        return _CONVERTED[argument.kind](value)
    except (ValueError, TypeError, OverflowError):
        wanted = _IS[argument.kind]
        raise ValueError(f"{called}: {argument.name} is {wanted}, not {safe_repr(value)}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise TypeError
    return value


def _whole(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, bool) or number != int(number) or abs(number) > _FARTHEST:
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    if not isinstance(value, str | bool):
        raise TypeError
    return bool(types.Boolean()(value))


#: By kind: the function that converts a value or raises, and a description of the valid values.
_CONVERTED: Final[Mapping[str, Callable[[Any], str | int | float | bool]]] = {
    "text": _text,
    "whole number": _whole,
    "number": _number,
    "true or false": _truth,
}
_IS: Final[Mapping[str, str]] = {
    "text": f"a text of up to {_LONGEST} characters",
    "whole number": "a whole number",
    "number": "a number",
    "true or false": "true or false",
}
