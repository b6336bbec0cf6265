"""The base of calls. A call is data: it can be answered on the database, and sent over HTTP.

The class of a call provides the method of the clients, the route of ``podium-api``, the check of what it
receives, and its part of ``/openapi.json``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from podium.wording import which

T = TypeVar("T")
Role: TypeAlias = Literal["reader", "operator", "admin"]

#: The default of a field that an answer leaves out because it was not requested.
ABSENT: Final[Any] = msgspec.UNSET

_Named: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
#: A name, a UUID, a range of names such as ``r1n[01-40]``, or a pattern such as ``r1n*``; or several of them.
#: An empty list is not valid: it must never mean all nodes.
Nodes: TypeAlias = _Named | Sequence[_Named]
_Conditions: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
#: Conditions as a text, such as ``power_state=off and extra.rack=r1``; or several, all of which must hold.
Where: TypeAlias = _Conditions | Annotated[Sequence[_Conditions], msgspec.Meta(min_length=1, max_length=20)]
#: Where a page of nodes begins; see podium.db.name_keys.
Place: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
LONGEST_LINE: Final = 1000
#: One line of text for people.
Line: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_LINE)]
#: The exclusive or of the UUIDs of the intended nodes, as 32 hexadecimal digits. A caller who has looked at
#: nodes ensures with it that their names do not belong to other nodes by now.
UuidsXor: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
#: The greatest number of items on a page; None if the caller sets no limit.
Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1)] | None


class Record(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Part of an answer. A client ignores fields that a newer server has added."""


def plain(value: Any) -> Any:
    """Return a part of an answer in plain types instead of Podium's own; times stay times."""
    return msgspec.to_builtins(value, builtin_types=(datetime,))


class Call(
    msgspec.Struct,
    Generic[T],
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    repr_omit_defaults=True,
):
    """A request, with an answer of type ``T``.

    ``method`` and ``path`` are those of HTTP. Fields in the path's braces are parts of the path; the others
    are query parameters for GET and DELETE, and the JSON body for the rest. ``role`` is the lowest role that
    may make the call, ``status`` the status of the answer, ``media`` its type. The body of a call that
    ``is_large`` may be as long as ``[api] max_import_size``. A call that ``has_secrets``, itself or in its
    answer, is sent only where nobody else can read it; so are values that have the name of a secret.
    ``patience`` is by how many seconds the answer may take longer than others, because the call waits for
    something.
    """

    method: ClassVar[Literal["GET", "POST", "PUT", "PATCH", "DELETE"]]
    path: ClassVar[str]
    role: ClassVar[Role]
    status: ClassVar[int] = 200
    is_large: ClassVar[bool] = False
    has_secrets: ClassVar[bool] = False
    patience: ClassVar[float] = 0.0
    media: ClassVar[str] = "application/json"

    __repr__ = which  # what is set and enrolled may be secret

    @property
    def is_safe(self) -> bool:
        """Whether the call changes nothing, so that it may be sent again if no answer came."""
        return self.method == "GET"


def answer_of(call: type[Call[Any]]) -> Any:
    """Return the type of a call's answer."""
    for base in getattr(call, "__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Call):
            return get_args(base)[0]
    raise TypeError(f"{call.__name__} does not say what its answer is")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list.

    :param items: in the order of the list
    :param next: the ``marker`` of the call for the next page; None after the last
    """

    items: list[T]
    next: str | None = None
