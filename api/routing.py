"""The table of everything that can be asked: paths, who may ask, and what the OpenAPI document says of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from podium.api.callers import Role
from podium.api.fields import Field
from podium.client.calls.call import Call

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

#: Where the minor version of Ironic's API that a request is of is in its scope.
MINOR_KEY: Final = "podium.minor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path.

    :param path: as in Starlette, such as ``/v1/nodes/{node}``; it is served with a slash at its end as well
    :param role: the least role of who may ask; None for anybody, without a login
    :param summary: one line for the OpenAPI document
    :param since: the lowest minor version of Ironic's API that has it; below it the answer is 404
    :param query: the parameters of its query
    :param body: the fields of its body; None if it takes none, or one that is described by ``schema``
    :param schema: of its body, in JSON Schema, if that is not an object of fields
    :param status: of its answer
    :param answer: the schema of its answer; None for an empty one
    :param others: media types that it may have instead
    :param call: what it is in Podium's own API, which has no versions like Ironic's, and describes itself
    """

    method: str
    path: str
    handler: Handler
    role: Role | None
    summary: str
    since: int = 1
    query: Sequence[Field] = ()
    body: Sequence[Field] | None = None
    schema: Mapping[str, Any] | None = None
    status: int = 200
    answer: Mapping[str, Any] | None = None
    others: Sequence[str] = ()
    call: type[Call[Any]] | None = None


def minor(request: Request) -> int:
    """Return the minor version of Ironic's API that a request is of: 109 for 1.109."""
    found: int = request.scope[MINOR_KEY]
    return found
