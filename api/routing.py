"""The table of operations: paths, required roles, and descriptions for the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from podium.api.callers import Role
from podium.api.fields import Field
from podium.client.calls.call import Call

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

#: The key of a request's scope for its minor version of Ironic's API.
MINOR_KEY: Final = "podium.minor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path.

    :param path: as in Starlette, such as ``/v1/nodes/{node}``; it is also served with a trailing slash
    :param role: the lowest role that may use it; None for anybody, without a login
    :param summary: one line for the OpenAPI document
    :param since: the lowest minor version of Ironic's API that has it; below it the answer is 404
    :param query: the parameters of its query
    :param body: the fields of its body; None without a body, or with one that ``schema`` describes
    :param schema: the JSON Schema of its body, if that is not an object of fields
    :param status: of its answer
    :param answer: the schema of its answer; None for an empty one
    :param others: alternative media types of the answer
    :param call: the call of Podium's own API, which has no versions like Ironic's and describes itself
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
    """Return the minor version of Ironic's API that a request uses: 109 for 1.109."""
    found: int = request.scope[MINOR_KEY]
    return found
