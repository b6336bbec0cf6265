"""What turns values of ``driver_info`` into those that more than one driver works with."""

from typing import Any


def as_text(value: Any) -> str:
    """Text, also where YAML made a number of it, as of a password like 123456, which reads the same.

    :raises ValueError: for any other type, of which it is not known how it was written
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("neither text nor a whole number; put it in quotes")
    return str(value)
