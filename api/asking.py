"""Makes calls of Podium's own API for requests of either API; no thread waits for conductors."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import msgspec
from starlette.requests import Request

from podium import errors
from podium.api.callers import caller
from podium.api.faults import Fault
from podium.api.services import services
from podium.client.calls import operations
from podium.client.calls.hardware import AskHardware
from podium.client.calls.operations import AskPower, CancelOperation, ListRequests
from podium.client.local.answers import answer
from podium.client.local.backend import Backend
from podium.client.local.hardware import owed_for
from podium.client.local.owed import Owed, pause_after
from podium.db.engine import Database
from podium.db.kept_answers import Key

T = TypeVar("T")
R = TypeVar("R")

#: The time limits of the hardware and of the waiting client, in seconds; Ironic's clients wait for 60.
_TIMEOUT: Final = 40.0
_WAIT: Final = 50.0


def backend(request: Request, database: Database, warnings: list[str], key: Key | None = None) -> Backend:
    """Return the backend that answers calls in the name of a request's caller.

    :param warnings: collects the warnings of the answers
    :param key: the key of a call that may be sent again
    """
    its = services(request)
    catalog = its.catalog.for_answer(warnings.append)
    return Backend(
        config=its.config,
        connect=lambda: database,
        drivers=lambda: catalog,
        who=caller(request).who,
        warn=warnings.append,
        pause=its.sql.pause,
        key=key,
        warned=warnings,
    )


async def read(request: Request, call: AskHardware[T], shown: Callable[[T, list[str]], R]) -> R:
    """Wait until a conductor has answered a call, and return the result of ``shown``.

    :param shown: converts the answer and the warnings; called in a thread
    """
    warnings: list[str] = []
    owed: list[Owed[T]] = []

    def look(database: Database) -> R | None:
        if not owed:
            owed.append(owed_for(backend(request, database, warnings), call))
        found = owed[0].look()
        return None if found is None else shown(found, warnings)

    while True:
        if (made := await services(request).sql.use(look)) is not None:
            return made
        await asyncio.sleep(owed[0].pause)


async def ask(request: Request, call: AskPower) -> int:
    """Request an action of one node, and return the number of the operation.

    :raises podium.errors.NodeConflict: the node refuses it for now
    """

    def asked(database: Database) -> operations.Asked:
        return answer(backend(request, database, []), call)

    found = await services(request).sql.use(asked)
    if found.operation is None:
        raise errors.NodeConflict(found.refused[0])
    return found.operation


async def carry_out(request: Request, call: AskPower) -> None:
    """Request an action of one node, and return when it is done.

    :raises podium.errors.NodeConflict: the node refuses it for now
    :raises podium.errors.DriverError: it failed, or somebody else ended it
    :raises podium.api.faults.Fault: it was not done within the time that clients wait
    """
    number = await ask(request, msgspec.structs.replace(call, timeout=_TIMEOUT))

    def look(database: Database) -> operations.Request:
        return answer(backend(request, database, []), ListRequests(number)).items[0]

    clock = asyncio.get_running_loop().time
    began = clock()
    while (found := await services(request).sql.look(look)).finished_at is None:
        if (waited := clock() - began) >= _WAIT:
            await _give_up(request, number, found.node_name)
        await asyncio.sleep(pause_after(waited))
    if found.state != "done":
        raise errors.DriverError(f"{found.node_name}: {found.outcome}")


async def _give_up(request: Request, number: int, node: str) -> NoReturn:
    """Cancel the operation if it has not begun, and raise a fault that reports its fate."""

    def cancel(database: Database) -> operations.Cancelled:
        return answer(backend(request, database, []), CancelOperation(number))

    if (await services(request).sql.use(cancel)).cancelled:
        what = "was not begun, and was cancelled; see: podium conductor list"
    else:
        what = f"goes on; see: podium operation show {number}"
    raise Fault(500, f"{node}: within {_WAIT:g} s operation {number} {what}")
