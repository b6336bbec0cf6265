"""The operations of Podium's own API, generated from the table of calls."""

import inspect
from collections.abc import Iterator
from typing import Any, Final

from podium.api.callers import Role
from podium.api.own.fleets import of_fleet
from podium.api.own.following import follow
from podium.api.own.handling import handler
from podium.api.routing import Operation
from podium.client.calls import wire
from podium.client.calls.call import Call
from podium.client.calls.changes import FollowChanges
from podium.client.calls.table import CALLS


def _operations(call: type[Call[Any]]) -> Iterator[Operation]:
    """Yield the operations of a call: the call itself and, for a GET of many, the same with a body."""
    summary = (inspect.cleandoc(call.__doc__ or "").splitlines() or [""])[0].rstrip(".")
    handle = of_fleet(follow if call is FollowChanges else handler(call))
    common: dict[str, Any] = {
        "handler": handle,
        "role": Role[call.role.upper()],
        "summary": summary,
        "status": call.status,
        "call": call,
    }
    yield Operation(method=call.method, path=call.path, **common)
    if call.method not in wire.WITH_BODY and wire.LONG & {*call.__struct_fields__}:
        yield Operation(method="POST", path=f"{call.path}{wire.AS_BODY}", **common)


OPERATIONS: Final = tuple(operation for call in CALLS for operation in _operations(call))
