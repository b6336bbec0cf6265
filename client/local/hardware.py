"""Answers that the conductor of a node gives, see podium.client.calls.hardware."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa

from podium import errors
from podium.client.calls.call import answer_of
from podium.client.calls.feeds import ReadFeeds
from podium.client.calls.hardware import (
    MOST_CHECKED,
    AskHardware,
    AskNode,
    CheckNodes,
    LoginCheck,
    LoginChecks,
    ReadBootDevice,
    ReadClock,
    ReadLog,
    ReadSensors,
    Result,
)
from podium.client.local import entry_times
from podium.client.local.backend import Answers, Backend
from podium.client.local.feeds import OwedFeeds
from podium.client.local.nodes import required_names
from podium.client.local.owed import Owed
from podium.db import api, hardware_reads
from podium.db.api import NodeKey
from podium.db.hardware_reads import HardwareRead

T = TypeVar("T")

#: The result of a check, by the type of its error.
_RESULTS: Final[tuple[tuple[type[errors.PodiumError], Result], ...]] = (
    (errors.AuthenticationRefused, "refused"),
    (errors.BMCUnreachable, "unreachable"),
    (errors.NodeConflict, "not checked"),
)


class _OwedNode(Owed[T]):
    """A read of one node."""

    def __init__(self, backend: Backend, call: AskNode[T], clock: Callable[[], float]) -> None:
        super().__init__(backend, call.wait, clock)
        self._call = call
        self._number: int | None = None

    def look(self) -> T | None:
        if self._number is None:
            call, who = self._call, self._backend.who
            # No key: a call that is sent twice while it is not answered is read only once in any case.
            self._number = self._backend.step(
                lambda connection: hardware_reads.ask(connection, call.node, call.kind, who, call.arguments)
            )
            return None
        with self._backend.database.read() as connection:
            read = hardware_reads.find(connection, self._number)
            if read is None:
                raise errors.NodeConflict(_deleted(self._call.node))
            if read.finished_at is not None:
                return self._answer(connection, read)
            if self._is_late:
                raise self._late(connection, self._call.node, read)
        return None

    def _answer(self, connection: sa.Connection, read: HardwareRead) -> T:
        if read.answer is None:
            raise _error(read)
        shown = {
            "node": self._call.node,
            "node_uuid": read.node_uuid,
            "read_at": read.finished_at,
            "conductor": str(read.reader),
        }
        document = {**read.answer, **shown}
        if isinstance(self._call, ReadLog):
            document = entry_times.with_times(connection, read, document)
        found: T = msgspec.convert(document, answer_of(type(self._call)))
        return found


class _OwedChecks(Owed[LoginChecks]):
    """Logins that are tried at many nodes."""

    def __init__(self, backend: Backend, call: CheckNodes, clock: Callable[[], float]) -> None:
        super().__init__(backend, call.wait, clock)
        self._call = call
        self._asked: list[tuple[NodeKey, int | errors.NodeConflict]] | None = None

    def look(self) -> LoginChecks | None:
        if self._asked is None:
            self._asked = self._backend.step(self._ask)
            if any(isinstance(number, int) for _, number in self._asked):
                return None
        numbers = [number for _, number in self._asked if isinstance(number, int)]
        with self._backend.database.read() as connection:
            reads = hardware_reads.find_many(connection, numbers)
            if not self._is_late and any(read.finished_at is None for read in reads.values()):
                return None
            maintained = api.in_maintenance(connection, [node.id for node, _ in self._asked])
            return LoginChecks(
                nodes=[
                    self._check(connection, node, asked, reads, node.id in maintained)
                    for node, asked in self._asked
                ]
            )

    def _ask(self, connection: sa.Connection) -> list[tuple[NodeKey, int | errors.NodeConflict]]:
        wanted = required_names(self._backend, connection, self._call.nodes, self._call.where)
        return hardware_reads.ask_many(connection, wanted, self._call.kind, self._backend.who, MOST_CHECKED)

    def _check(
        self,
        connection: sa.Connection,
        node: NodeKey,
        asked: int | errors.NodeConflict,
        reads: Mapping[int, HardwareRead],
        maintenance: bool,
    ) -> LoginCheck:
        known: dict[str, Any] = {"node": node.name, "node_uuid": node.uuid, "maintenance": maintenance}
        read = None
        if isinstance(asked, errors.NodeConflict):
            failure: errors.PodiumError = asked
        elif (read := reads.get(asked)) is None:
            failure = errors.NodeConflict(_deleted(node.name))
        elif read.finished_at is None:
            failure = self._late(connection, node.name, read)
        else:
            known |= {"checked_at": read.finished_at, "conductor": str(read.reader)}
            if read.answer is not None:
                return msgspec.convert({**read.answer, **known, "result": "works"}, LoginCheck)
            failure = _error(read)
        words: list[Result] = [word for kind, word in _RESULTS if isinstance(failure, kind)]
        result: Result = words[0] if words else "failed"
        return LoginCheck(result=result, error=str(failure), **known)


def _deleted(name: str) -> str:
    return f"{name}: the answer was deleted meanwhile; ask again"


def _error(read: HardwareRead) -> errors.PodiumError:
    kind = getattr(errors, read.error_kind or "", errors.DriverError)
    found: errors.PodiumError = kind(read.error)
    return found


_OWED: Final[Mapping[type, Any]] = {CheckNodes: _OwedChecks, ReadFeeds: OwedFeeds}


def owed_for(backend: Backend, call: AskHardware[T], clock: Callable[[], float] = time.monotonic) -> Owed[T]:
    """Return the answer that conductors owe to this call."""
    owed: Any = _OWED.get(type(call), _OwedNode)
    found: Owed[T] = owed(backend, call, clock)
    return found


def wait_for(backend: Backend, call: AskHardware[T]) -> T:
    """Return the conductor's answer, once it is there."""
    return owed_for(backend, call).wait()


ANSWERS: Final[Answers] = dict.fromkeys(
    (ReadSensors, ReadBootDevice, ReadLog, ReadClock, CheckNodes), wait_for
)
