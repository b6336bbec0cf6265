"""Keeps secrets out of everything that is shown: values by their property, texts by their content."""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "******"

_SECRET_NAME: Final = re.compile(r"password|passwd|secret|token|(^|_)key($|_)|credential", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a property's name alone says that its value is a secret."""
    return bool(_SECRET_NAME.search(name))


def mask(values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A copy with every secret value as ``******``, in nested mappings and lists too.

    :param secret: names that a driver declared as secret
    """
    masked = {}
    for name, value in values.items():
        hide = (name in secret or is_secret(name)) and value not in (None, "")
        masked[name] = MASK if hide else _inside(value, secret)
    return masked


def _inside(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return mask(value, secret)
    if isinstance(value, list | tuple):
        return [_inside(one, secret) for one in value]
    return value


def scrub(text: str, values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> str:
    """A text without the secret values of a node's ``driver_info``, whoever put them there."""
    for name, value in values.items():
        if (name in secret or is_secret(name)) and len(str(value)) > 2:
            text = text.replace(str(value), MASK)
    return text
