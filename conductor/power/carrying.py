"""Carries out one node's request in its driver's room, with a different kind of change for each action."""

import asyncio
import concurrent.futures
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors, states
from podium.clocks import boottime
from podium.conductor.fleet.entry import node_of
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.abilities import HardwareChange
from podium.conductor.power.abilities import Wanted as HardwareWanted
from podium.conductor.power.barrier import Barrier
from podium.conductor.power.booting import Booting, boot_of
from podium.conductor.power.change import PowerChange, Request
from podium.conductor.power.confirmations import Confirmations
from podium.conductor.power.credentials import CredentialChange, Wanted
from podium.conductor.power.sending import Confirm, Sender
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import credential_changes, operations
from podium.db.beginning import Begun
from podium.db.credential_changes import KEPT, SENT, UNKNOWN, Change
from podium.db.outcomes import SetClock
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a change may take unless its request sets another limit.

    :param change: for a power change by the hardware
    :param soft: for a power change by a clean shutdown
    :param credentials: for a change of credentials, including a reboot of the hardware
    :param feeds_off: for which all feeds of a machine are off when it is switched at its feeds
    """

    change: float
    soft: float
    credentials: float = 900.0
    feeds_off: float = 10.0


class Found(NamedTuple):
    """The outcome of a request, see podium.db.outcomes: the last state read, why it failed, and so on."""

    state: str | None = None
    error: str | None = None
    credentials: str | None = None
    result: str | None = None
    clock: SetClock | None = None


class Carrying:
    """Carries out the requests that have begun. Only the conductor's loop may use it.

    :param confirmations: confirm the requests that are about to be sent
    :param sent: the nodes of confirmed requests, by request
    :param note_read: called in the driver's room for each read that a change makes, with the driver, the
        node's number, and the answer or the error
    :param lease: this conductor's lease; without it nothing is sent
    :param worker: this conductor's worker; errors refer to the log of its host
    :ivar is_stopping: whether the conductor is stopping; may be read in any thread
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        *,
        confirmations: Confirmations,
        sent: dict[int, int],
        timeouts: Timeouts,
        note_read: Callable[[str, int, Any, Exception | None], object],
        lease: Lease | None,
        worker: Worker,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._rooms = rooms
        self._confirmations = confirmations
        self._sent = sent
        self._timeouts = timeouts
        self._note_read = note_read
        self._lease = lease
        self._worker = worker
        self.is_stopping = False
        self._now = sql.now

    async def outcome(self, begun: Begun, context: RequestContext) -> Found:
        """As :meth:`_change`. A fault is an outcome too: otherwise the request would begin again forever."""
        try:
            return await self._change(begun, context)
        except (errors.DatabaseUnavailable, errors.MemberEnded, concurrent.futures.CancelledError):
            raise
        except Exception as fault:
            LOG.exception("%s: %s cannot be carried out", begun.node.name, begun.action)
            text = f"it cannot be carried out: {type(fault).__name__}, see the log of {self._worker.host}"
            if begun.change is None:
                return Found(error=text)
            was_sent = begun.change.state == SENT or (begun.change.on_bmc and begun.request_id in self._sent)
            return Found(error=text, credentials=UNKNOWN if was_sent else KEPT)

    async def _change(self, begun: Begun, context: RequestContext) -> Found:
        confirm = functools.partial(self._confirm, asyncio.get_running_loop(), nodes_of(begun))
        if begun.change is not None:
            change_of = self._credentials(begun, begun.change, confirm)
            became = await self._run(begun, change_of.carry_out, context)
            return Found(None, *became)
        if begun.action in states.BESIDE_POWER:
            done = await self._run(begun, self._hardware(begun, confirm).carry_out, context)
            return Found(error=done.error, result=done.result, clock=done.clock)
        barrier = self._barrier(begun) if operations.is_at_feed(begun.arguments) else None
        request = Request(
            begun.action,
            self._timeout(begun),
            begun.timeout or self._timeouts.soft,
            begun.then_off,
            begun.sent_at is not None,
            bool(begun.node.disable_power_off),
        )
        change = PowerChange(
            self._rooms[begun.node.driver],
            node_of(begun.node, time.monotonic()),
            request,
            confirm,
            functools.partial(self._note_read, begun.node.driver, begun.node.id),
            booting=None if barrier else self._booting(begun, confirm),
            barrier=barrier,
            lease=self._lease,
        )
        ended = await self._run(begun, change.carry_out, context)
        if ended.error is None:
            self._fleet.late.forget(begun.node.id)
        elif change.late is not None:
            self._fleet.late.expect(begun.node.id, change.late, begun.request_id, boottime())
        return Found(*ended, result=None if ended.error else change.result)

    def _timeout(self, begun: Begun) -> float:
        """Seconds for a power change; feeds get at least the conductor's configured timeout."""
        least = self._timeouts.change if operations.is_at_feed(begun.arguments) else 0.0
        return max(begun.timeout or self._timeouts.change, least)

    def _barrier(self, begun: Begun) -> Barrier:
        return Barrier(
            self._sql,
            asyncio.get_running_loop(),
            begun,
            self._worker,
            timeout=self._timeout(begun),
            off_for=self._timeouts.feeds_off,
            is_stopping=lambda: self.is_stopping,
        )

    def _booting(self, begun: Begun, confirm: Callable[..., Awaitable[None]]) -> Booting | None:
        """The boot device requested with a power change. The next conductor may set it again."""
        if begun.arguments is None:
            return None
        sender = self._sender(begun, functools.partial(confirm, repeatable=True))
        return Booting(sender, boot_of(begun.arguments), begun.timeout or self._timeouts.change)

    def _hardware(self, begun: Begun, confirm: Confirm) -> HardwareChange:
        timeout = begun.timeout or self._timeouts.change
        wanted = HardwareWanted(begun.action, begun.arguments or {}, timeout, begun.sent_at is not None)
        return HardwareChange(self._sender(begun, confirm), wanted)

    def _sender(self, begun: Begun, confirm: Confirm) -> Sender:
        node = node_of(begun.node, time.monotonic())
        return Sender(self._rooms[begun.node.driver], node, confirm, lease=self._lease)

    def _credentials(
        self, begun: Begun, change: Change, confirm: Callable[[], Awaitable[None]]
    ) -> CredentialChange:
        now, loop = time.monotonic(), asyncio.get_running_loop()
        timeout = begun.timeout or self._timeouts.credentials
        refused_ago = (self._now() - change.refused_at).total_seconds() if change.refused_at else 0.0
        return CredentialChange(
            self._rooms[begun.node.driver],
            node_of(begun.node, now),
            Wanted(change, timeout, begun.sent_at is not None, refused_ago),
            confirm,
            others=[node_of(other.node, now) for other in begun.others],
            note_refused=functools.partial(self._note_refused, loop, [*nodes_of(begun)]),
            lease=self._lease,
        )

    async def _confirm(
        self, loop: asyncio.AbstractEventLoop, nodes: Mapping[int, int], *, repeatable: bool = False
    ) -> None:
        """Have the database confirm requests right before something is sent. Called in the driver's room.

        :param loop: the conductor's loop
        :param nodes: the nodes, by request
        :param repeatable: see :meth:`Confirmations.confirm`
        """
        confirm = functools.partial(self._confirmations.confirm, repeatable=repeatable)

        async def confirm_all() -> None:
            await asyncio.gather(*map(confirm, nodes))

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(confirm_all(), loop))
        if not repeatable:
            loop.call_soon_threadsafe(self._sent.update, nodes)

    async def _note_refused(
        self, loop: asyncio.AbstractEventLoop, requests: Sequence[int], count: int
    ) -> None:
        """Record how many logins were refused in a row. Called in the driver's room."""
        note = functools.partial(credential_changes.note_refused, request_ids=requests, count=count)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._sql.write(note), loop))

    async def _run(
        self, begun: Begun, change: Callable[[], Coroutine[Any, Any, _T]], context: RequestContext
    ) -> _T:
        run = self._rooms[begun.node.driver].start(change, context)
        try:
            ended: _T = await asyncio.wrap_future(run.future)
        except asyncio.CancelledError:
            run.cancel()
            raise
        return ended


def nodes_of(begun: Begun) -> dict[int, int]:
    """The nodes of a request and of the requests that end with it, by request."""
    return {one.request_id: one.node.id for one in (begun, *begun.others)}
