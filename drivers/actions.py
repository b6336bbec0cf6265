"""Actions of a driver's own: what its hardware can do that Podium has no word for."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

_TAG: Final = "_podium_action"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_KINDS: Final[Mapping[type, str]] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_REQUIRED: Final[Any] = inspect.Parameter.empty

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
    for attribute in dir(own):
        method = inspect.getattr_static(own, attribute, None)
        tag = getattr(method, _TAG, None)
        if not isinstance(tag, tuple):
            continue
        called, text = tag
        if called in found:
            raise ValueError(
                f"the methods {found[called].method} and {attribute} are both the action {called}"
            )
        found[called] = DriverAction(called, text, _arguments(called, getattr(own, attribute)), attribute)
    return found


def _arguments(called: str, method: Callable[..., Any]) -> tuple[Argument, ...]:
    try:
        hints = get_type_hints(method)
    except Exception as cause:
        raise ValueError(f"the annotations of the action {called} cannot be read: {cause}") from cause
    parameters = [*inspect.signature(method).parameters.values()]
    if len(parameters) < 2:
        raise ValueError(f"the action {called} takes self and node, and then what people give it")
    return tuple(_argument(called, one, hints.get(one.name)) for one in parameters[2:])


def _argument(called: str, parameter: inspect.Parameter, hint: Any) -> Argument:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ValueError(f"the action {called} takes {parameter}; people give each argument by its name")
    required = parameter.default is _REQUIRED
    default = None if required else parameter.default
    if get_origin(hint) is Literal and all(isinstance(one, str) for one in get_args(hint)):
        return Argument(parameter.name, _KINDS[str], required, default, get_args(hint))
    if hint not in _KINDS:
        raise ValueError(
            f"the action {called} takes {parameter}, which is annotated with none of str, int, float, bool"
            " and Literal of texts"
        )
    return Argument(parameter.name, _KINDS[hint], required, default)
