"""What an expression means: conditions, and how they belong together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from podium.db.selection.fields import Field

#: What a field is compared with; None where it is to be missing.
Value: TypeAlias = str | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. Missing values are only equal to None; nothing else is true of them.

    :param key: of an entry, where the field has entries
    :param operator: one of ``=``, ``~``, ``<``, ``<=``, ``>`` and ``>=``; the others are made of them and
        :class:`Not`
    :param values: of which one has to fit
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
    """What the other does not choose."""

    inner: "Tree"


@dataclass(frozen=True, slots=True)
class All:
    """What all of the parts choose."""

    parts: "tuple[Tree, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """What at least one of the parts chooses."""

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
