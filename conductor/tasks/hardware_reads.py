"""Carries out the reads from hardware that users requested, and stores the answers."""

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

from oslo_log import log

from podium import errors, masking
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.conductor.tasks.hardware_answers import KINDS, Kind
from podium.db import hardware_reads as statements
from podium.db.hardware_reads import MOST_BYTES, HardwareRead
from podium.drivers.base import Node
from podium.wording import line

LOG = log.getLogger(__name__)

#: Concurrent reads of all drivers, how many of them may be reads of logs, and the longest wait for a turn.
_AT_ONCE: Final = 64
_LOGS_AT_ONCE: Final = 32
_PATIENCE: Final = 60.0
#: Seconds that a read may take, and additional seconds after which a room that does not answer is given up.
_SECONDS: Final = 30.0
_GRACE: Final = 5.0
_LOG: Final = "log"
#: Longest message about hardware that does not answer, in characters.
_LONGEST: Final = 500


class HardwareReads:
    """The requested reads of one worker. Runs in the conductor's loop.

    :param recorder: records how far clocks are off
    :param seconds: the most seconds that one read may take
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        recorder: Recorder,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._rooms = rooms
        self._recorder = recorder
        self._seconds = seconds
        self._seen = -1  # the pulse's count of reads at the last poll
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._logs = asyncio.Semaphore(_LOGS_AT_ONCE)
        self._of_nodes: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by the number of the read

    async def poll(self) -> None:
        """Begin every new read.

        :raises podium.errors.DatabaseUnavailable: the database cannot be read
        """
        count, known = self._fleet.pulse.reads, {*self._tasks}
        if count == self._seen:
            return
        member = self._fleet.member
        for read in await self._sql.read(lambda connection: statements.unanswered(connection, member)):
            if read.id not in known:
                self._tasks[read.id] = task = asyncio.create_task(self._serve(read))
                task.add_done_callback(functools.partial(self._forget, read.id))
        self._seen = count

    def cancel(self) -> None:
        """Cancel the reads under way: this member ends, and that answers them."""
        for task in self._tasks.values():
            task.cancel()

    def _forget(self, number: int, _task: "asyncio.Task[None]") -> None:
        del self._tasks[number]

    async def _serve(self, read: HardwareRead) -> None:
        LOG.debug("%s of node %s asked for by %s", read.kind, read.node_uuid, read.requested_by)
        async with contextlib.AsyncExitStack() as turns:
            try:
                async with asyncio.timeout(_PATIENCE):
                    for turn in self._turns_of(read):
                        await turns.enter_async_context(turn)
            except TimeoutError:
                why = (
                    f"{self._name(read)}: its turn did not come within {_PATIENCE:g} s, behind other reads"
                    " of it or of its conductor; ask again later"
                )
                await self._fail(read, errors.NodeConflict(why))
                return
            try:
                found = await self._read(read)
            except errors.PodiumError as error:
                await self._fail(read, error)
            else:
                await self._write(read, lambda connection: statements.answer(connection, read.id, found))

    def _turns_of(self, read: HardwareRead) -> Iterator[asyncio.Lock | asyncio.Semaphore]:
        """The locks that a read waits for, in order. The limit for pages of logs leaves room for short reads.

        A node has one read at a time, so that a node that does not answer cannot take all places; a page of
        its log also waits for its other reads.
        """
        if read.kind == _LOG:
            yield self._of_node(read, _LOG)
            yield self._logs
        yield self._of_node(read)
        yield self._turns

    def _of_node(self, read: HardwareRead, kind: str = "") -> asyncio.Lock:
        return self._of_nodes.setdefault((read.node_uuid, kind), asyncio.Lock())

    def _name(self, read: HardwareRead) -> str:
        entry = self._fleet.find(read.node_uuid)
        return read.node_uuid if entry is None else entry.node.name

    async def _read(self, read: HardwareRead) -> dict[str, Any]:
        """Return the answer to a read.

        :raises podium.errors.PodiumError: the read failed; the message has no secrets
        """
        entry, kind = self._fleet.find(read.node_uuid), KINDS.get(read.kind)
        if entry is None or entry.number in self._fleet.lent:
            raise errors.NodeConflict("the node is not this conductor's any more, or not yet; ask again")
        if entry.in_doubt:
            raise errors.NodeConflict(
                f"{entry.node.name}: which password its BMC has is unknown, and none is tried; see: podium"
                " credential settle"
            )
        if entry.number in self._fleet.taken:
            raise errors.NodeConflict(
                f"{entry.node.name} is taken: a request for it is under way, or its driver has reserved it;"
                " ask again later"
            )
        room = self._rooms.get(entry.node.driver)
        if kind is None or room is None:
            raise errors.NodeConflict(f"the conductor of {entry.node.name} cannot read {read.kind} yet")
        found = await self._ask(read, entry, room, kind)
        if kind.offset is not None and found[kind.offset] is not None:
            self._recorder.add_clock(read.node_uuid, found[kind.offset])
        return found

    async def _ask(self, read: HardwareRead, entry: Entry, room: DriverRoom, kind: Kind) -> dict[str, Any]:
        node = entry.node
        try:
            method = kind.method(room.driver)
        except errors.DriverError as missing:
            raise type(missing)(f"{node.name}: {missing}") from None
        given = json.loads(read.arguments or "{}")
        arguments = kind.called(given)

        def scrubbed(text: str) -> str:
            return self._fleet.scrubbed(text, node.driver, room.secret)

        async def shown() -> dict[str, Any]:  # runs in the room: the driver may return a lot
            reading = room.read(self._seconds, node, method, *arguments, repeats=kind.repeats)
            found = kind.shown(await reading, given, scrubbed)
            if (size := len(json.dumps(found))) > MOST_BYTES:
                raise errors.DriverError(f"the answer has {size} bytes, more than {MOST_BYTES}")
            return found

        run = room.start(shown, contexts.new(on_demand=True))
        ended = asyncio.wrap_future(run.future)
        try:
            await asyncio.wait({ended}, timeout=self._seconds + _GRACE)
        finally:
            if not ended.done():
                run.cancel()
                ended.cancel()
        try:
            result: dict[str, Any] = await ended
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            if not isinstance(error, errors.PodiumError | TimeoutError | asyncio.CancelledError):
                trace = masking.for_log(error, scrubbed)
                LOG.warning("The driver %s failed to read %s", node.driver, read.kind, exc_info=trace)
            raise self._told(node, room, error, scrubbed) from None
        return result

    def _told(
        self, node: Node, room: DriverRoom, error: BaseException, scrubbed: Callable[[str], str]
    ) -> errors.PodiumError:
        """Return the error for the user, of a class of podium.errors."""
        name = node.name
        text = f"{name}: {errors.one_line(error, scrubbed)}"
        match error:
            case asyncio.CancelledError():
                return errors.NodeConflict(f"{name}: its conductor gave it up; ask again")
            case NotAsked():
                return errors.NodeConflict(f"{text}; ask again later")
            case TimeoutError():
                silence = line(room.silence(node, error), _LONGEST, scrubbed)
                return errors.BMCUnreachable(f"{name}: {silence}")
            case errors.DriverError():
                known = (kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
                found: errors.PodiumError = next(known)(text)
                return found
        return errors.DriverError(text)

    async def _fail(self, read: HardwareRead, error: errors.PodiumError) -> None:
        kind, text = type(error).__name__, errors.one_line(error)
        await self._write(read, lambda connection: statements.fail(connection, read.id, kind, text))

    async def _write(self, read: HardwareRead, statement: Callable[[Any], None]) -> None:
        try:
            await self._sql.write(statement)
        except (errors.DatabaseUnavailable, errors.MemberEnded):
            LOG.warning("The %s of node %s that were read were not written", read.kind, read.node_uuid)
