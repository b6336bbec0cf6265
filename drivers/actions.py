"""Actions of a driver's own: what its hardware can do that Podium has no word for."""

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
#: Characters of a text that is given, and how far a whole number may be from 0.
_LONGEST: Final = 1000
_FARTHEST: Final = 2**63 - 1

_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Argument:
    """What an action is given.

    :param kind: ``text``, ``whole number``, ``number`` or ``true or false``
    :param choices: the texts that it can be; empty for any
    :param default: what it is if nobody gives it; None where ``required``
    """

    name: str
    kind: str
    required: bool
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverAction:
    """An action of a driver's own.

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
    """Mark a method as an action that people may ask for: ``method(self, node, …)``.

    Its arguments after ``node`` are those that people give, by name. Each is annotated as ``str``, ``int``,
    ``float``, ``bool`` or a ``Literal`` of texts, and may have a default. It is called once, in the node's
    turn, and is recorded with its arguments, so that none of them may be a secret. It may return a text of
    one line that says what came of it::

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
    """The actions of a driver's own, or of its class, by name, its parents' included.

    :raises ValueError: for one that cannot be given what it takes
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
        marked = getattr(method, "__func__", method)  # of what is static, or a method of the class
        if isinstance(tag := getattr(marked, _TAG, None), tuple):
            if not inspect.isfunction(method):
                raise ValueError(f"the action {tag[0]} is a {type(method).__name__}, not a method")
            yield attribute, method, tag


@functools.lru_cache(maxsize=256)  # asked before each power change, and looks at every attribute
def has_actions(driver: type) -> bool:
    """Whether a driver's class has actions of its own."""
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
    """How an argument is written: ``colour=red|green``, or ``[times=3]`` if it may be left out."""
    return wording.usage(**{name: getattr(argument, name) for name in Argument.__slots__})


def given(action: DriverAction, values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """What an action is called with: what people gave, converted to what it takes.

    A text may stand for any kind, as on a command line: ``3``, ``0.5``, ``true``.

    :param values: by the arguments' names; what has a default may be missing, and is missing in the result
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


#: By kind, what converts a value or raises; and what a value is, in words.
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
