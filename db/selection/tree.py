"""The meaning of an expression: conditions, and how they are combined."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from podium.db.selection.fields import Field

#: The value with which a field is compared; None if it must be missing.
Value: TypeAlias = str | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. A missing value is equal to None only; every other comparison with it is false.

    :param key: of an entry, if the field has entries
    :param operator: one of ``=``, ``~``, ``<``, ``<=``, ``>`` and ``>=``; other operators are built from
        these and :class:`Not`
    :param values: one of which has to match
    """

    field: Field
    key: str
    operator: str
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """The field as it is written."""
        return f"{self.field.name}.{self.key}" if self.key else self.field.name


@dataclass(frozen=True, slots=True)
class Not:
    """Selects what the other does not."""

    inner: "Tree"


@dataclass(frozen=True, slots=True)
class All:
    """Selects what all of the parts select."""

    parts: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """Selects what at least one of the parts selects."""

    parts: "tuple[Tree, ...]"


Tree: TypeAlias = Condition | Not | All | Some


def conditions(tree: Tree) -> Iterator[Condition]:
    """Yield the conditions of a tree."""
    match tree:
        case Condition():
            yield tree
        case Not(inner):
            yield from conditions(inner)
        case All(parts) | Some(parts):
            for part in parts:
                yield from conditions(part)
