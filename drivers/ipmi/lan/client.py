"""Sends commands to many BMCs, each over a session that is opened when needed and kept open.

It uses one event loop, and threads only to resolve names. A BMC's session is opened at its first command,
opened again when the BMC has forgotten it, and closed when its target is released or the client closes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.drivers.bmc import timing
from podium.drivers.bmc.connections import Shared
from podium.drivers.bmc.logins import Refusals
from podium.drivers.bmc.withheld import Withheld
from podium.drivers.ipmi.lan import closing, opening, packet, refusals, transport
from podium.drivers.ipmi.lan.commands import INSUFFICIENT_PRIVILEGE, NODE_BUSY, CommandFailed
from podium.drivers.ipmi.lan.session import Session, Target
from podium.drivers.ipmi.lan.transport import NoAnswer

LOG = log.getLogger(__name__)

_HELD_TRANSMISSIONS: Final = 4  # into a held session; BMCs do not answer in a session that they forgot
_IDLE_TRANSMISSIONS: Final = 3  # into a session idle for so long that it may be forgotten
_IDLE: Final = 55.0  # seconds; a BMC forgets a session after 60 without a packet, give or take 3 (6.12.15)
_MANNER_KEPT: Final = 86400.0  # seconds; a BMC may have been repaired
_LEAVING: Final = 1.0  # seconds for BMCs to close their sessions before another conductor logs in
_GATHER: Final = 0.02  # seconds in which these are gathered
_BUSY_PAUSES: Final = (0.1, 0.3, 0.6)  # seconds before a command that met "node busy" is repeated
LEVELS: Final = {
    packet.PRIVILEGE_USER: "USER",
    packet.PRIVILEGE_OPERATOR: "OPERATOR",
    packet.PRIVILEGE_ADMINISTRATOR: "ADMINISTRATOR",
}
_Said = tuple[int, bytes]  # completion code and data


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing(timing.Timing):
    """How long a client waits, in seconds.

    :param command: including all its retransmissions and a new session
    :param retransmit: the first gap between two transmissions; each further one is longer
    """

    command: float = 10
    retransmit: float = 0.5


@dataclass(frozen=True, slots=True)
class _Order:
    """A command and how it is to be carried out, as :meth:`Connection.command` describes it."""

    command: tuple[int, int]
    data: bytes
    privilege: int
    repeatable: bool
    deadline: float


class Connection:
    """The state of one target: its address and its session."""

    __slots__ = (
        "_client", "_endpoint", "_manner_until", "_moved", "_session", "_under_way", "_used", "learned",
        "manner", "target", "users", "was_repeated",
    )  # fmt: skip

    def __init__(self, target: Target, client: "Client") -> None:
        self.target = target
        self.users = 0
        self.learned: object = None  #: what the driver knows of the BMC, as long as it has the connection
        self.was_repeated = False  #: whether the last command of those that are not repeatable was sent again
        self._client = client
        self._endpoint: transport.Endpoint | None = None
        self._moved = False  # a name may resolve differently by now
        self._session: Session | None = None
        self.manner = refusals.usual(target.suite, target.privilege)  #: in which the last session was opened
        self._manner_until = 0.0  # when the usual manner is tried again
        self._under_way = 0  # commands
        self._used = 0.0  # when the last command that was answered began

    @property
    def has_session(self) -> bool:
        """Whether a session is held."""
        return self._session is not None

    def give_up_session(self) -> Session | None:
        """Return the open session, for the caller to close."""
        session, self._session = self._session, None
        self._client.sessions -= session is not None
        return session

    async def command(
        self,
        command: tuple[int, int],
        data: bytes = b"",
        *,
        privilege: int = packet.PRIVILEGE_USER,
        repeatable: bool = True,
        patience: float = 0.0,
    ) -> bytes:
        """Carry out one command, and return the data of the BMC's answer.

        :param command: netFn and command
        :param privilege: the level that it needs (appendix G), one of packet.PRIVILEGE_*
        :param repeatable: whether it may be sent again in a new session if the held one meets silence: there
            the BMC cannot know that it is the same command
        :param patience: seconds for everything; by default the client's value
        :raises podium.errors.BMCUnreachable: no answer within that time
        :raises podium.errors.AuthenticationRefused: the BMC refuses the login, or no login is tried because
            it did
        :raises podium.drivers.ipmi.lan.commands.CommandFailed: a completion code other than 00h
        :raises podium.errors.DriverError: no session can be opened
        """
        client = self._client
        allowed = patience or client.timing.command
        now, begun = client.network.loop.time(), client.clock()
        deadline = now + allowed
        self._under_way += 1
        try:
            session, endpoint = self._session, self._endpoint
            if (
                session is None
                or endpoint is None
                or session.endpoint is not endpoint
                or endpoint.busy
                or self._moved
                or begun - self._used > _IDLE
                or privilege > session.privilege
                or not repeatable
            ):
                order = _Order(command, data, privilege, repeatable, deadline)
                code, answer = await self._run(order, allowed)
            else:  # nearly always, so done here: another coroutine would cost as much as the encryption
                endpoint.busy = True
                try:
                    session.prepare(command, data)
                    said = await endpoint.transmit(session, now, client.timing.retransmit, deadline)
                    if said is None or said[0]:
                        order = _Order(command, data, privilege, repeatable, deadline)
                        said = await self._go_on(session, said, order)
                    code, answer = said
                finally:
                    endpoint.release()
        except (NoAnswer, TimeoutError):
            self._moved = True
            silence = f"BMC {self.target} does not answer within {allowed:g} s"
            raise errors.BMCUnreachable(silence) from None
        except OSError as failure:
            reason = failure.strerror or failure
            raise errors.BMCUnreachable(f"no way to BMC {self.target}: {reason}") from None
        finally:
            self._under_way -= 1
            if not self.users:
                self.end()
        self._used = begun
        if code:
            raise CommandFailed(str(self.target), command, code)
        return answer

    def abandon(self) -> None:
        """Close the session, if there is one, without waiting for the BMC."""
        session = self.give_up_session()
        if session is not None:
            session.abandon()

    def end(self) -> None:
        """Drop everything about the target; a command under way is finished first."""
        if self._under_way:
            return
        self.abandon()
        if self._endpoint is not None:
            self._client.network.give_back(self._endpoint)
            self._endpoint = None

    async def _run(self, order: _Order, allowed: float) -> _Said:
        """Carry out a command after the necessary steps: resolve, wait, log in."""
        endpoint = self._endpoint
        if endpoint is None or self._moved:
            endpoint = await self._resolve(allowed)
        if endpoint.busy:
            await endpoint.turn(allowed)
        else:
            endpoint.busy = True
        try:
            return await self._ask(endpoint, order)
        finally:
            endpoint.release()

    async def _ask(self, endpoint: transport.Endpoint, order: _Order) -> _Said:
        """Carry out a command in the open session, or else in a new one; the caller has the turn."""
        client, session = self._client, self._session
        if session is not None and (session.endpoint is not endpoint or self._is_too_low(session, order)):
            self.abandon()
            session = None
        transmissions = transport.UNLIMITED
        if session is None:
            session = await self._login(endpoint, order.deadline)
        elif order.repeatable:
            stale = client.clock() - self._used > _IDLE
            transmissions = _IDLE_TRANSMISSIONS if stale else _HELD_TRANSMISSIONS
        gap = client.timing.retransmit
        try:
            if order.privilege > session.privilege:
                await self._raise(session, order.privilege, gap, order.deadline, transmissions)
            session.prepare(order.command, order.data)
            before = session.sent
            said = await endpoint.ask(session, gap, order.deadline, transmissions)
            said = await self._settle(session, said, order, transmissions)
            self.was_repeated = session.sent > before + 1
            return said
        except NoAnswer:
            self.abandon()
            if transmissions == transport.UNLIMITED:
                raise
        return await self._ask(endpoint, order)

    def _is_too_low(self, session: Session, order: _Order) -> bool:
        """Whether a session below the usual level is not enough; the BMC may grant more by now."""
        too_low = session.limit < min(order.privilege, self.target.privilege)
        if too_low:
            self._manner_until = 0.0
        return too_low

    async def _go_on(self, session: Session, said: _Said | None, order: _Order) -> _Said:
        """Continue after the first transmission into a held session.

        :param said: None if there was no answer
        """
        gap = self._client.timing.retransmit
        try:
            if said is None:
                said = await session.endpoint.repeat(session, gap, order.deadline, _HELD_TRANSMISSIONS)
            return await self._settle(session, said, order, _HELD_TRANSMISSIONS)
        except NoAnswer:
            self.abandon()
        return await self._ask(session.endpoint, order)

    async def _settle(self, session: Session, said: _Said, order: _Order, transmissions: int) -> _Said:
        """Ask again after an answer that says that the command was not carried out, but may be later."""
        gap = self._client.timing.retransmit
        if said[0] == NODE_BUSY:
            said = await self._ask_again(session, order)
        if said[0] == INSUFFICIENT_PRIVILEGE and session.limit > session.privilege:
            # The BMC requires more than appendix G says.
            least = session.privilege + 1
            await self._raise(session, least, gap, order.deadline, transmissions)
            session.prepare(order.command, order.data)
            said = await session.endpoint.ask(session, gap, order.deadline, transmissions)
        return said

    async def _ask_again(self, session: Session, order: _Order) -> _Said:
        """Repeat a command that met "node busy" a few times."""
        network, gap = self._client.network, self._client.timing.retransmit
        said: _Said = NODE_BUSY, b""
        for pause in _BUSY_PAUSES:
            if said[0] != NODE_BUSY or network.loop.time() + pause >= order.deadline:
                break
            await asyncio.sleep(pause)
            session.prepare(order.command, order.data)
            said = await session.endpoint.ask(session, gap, order.deadline)
        return said

    async def _raise(
        self, session: Session, least: int, gap: float, deadline: float, transmissions: int
    ) -> None:
        """Raise the session's privilege level as far as the BMC lets this user.

        :param least: the level that is enough
        """
        code = 0
        for level in range(session.limit, max(least, session.privilege + 1) - 1, -1):
            code = await session.raise_privilege(level, gap, deadline, transmissions)
            if code == 0:
                session.limit = level
                return
        if code:
            tried = " or ".join(LEVELS[one] for one in range(session.limit, level - 1, -1))
            raise errors.AuthenticationRefused(
                f"BMC {self.target} does not give this user the privilege level {tried} (completion code "
                f"{code:02X}h), for which ipmi_priv_level asks; give it that level at the BMC"
            )

    async def _login(self, endpoint: transport.Endpoint, deadline: float) -> Session:
        """Open a session and count the BMC's answer to the login; the caller has the endpoint's turn."""
        client, target = self._client, self.target
        client.withheld.check(target.account, target)
        now = client.clock()
        client.refusals.check(target.who)
        # What was learned about a BMC is valid until the next failure.
        usual, learned = refusals.usual(target.suite, target.privilege), self.manner
        manner = learned if now < self._manner_until else usual
        self.manner = usual
        gap, spare = client.timing.retransmit, client.refusals.of(target.who).in_quick_succession
        try:
            found = await opening.open_session(endpoint, target, manner, gap, deadline, spare=spare)
        except refusals.CutOff as cut:  # where the next login continues
            self.manner, self._manner_until = cut.manner, now + _MANNER_KEPT
            raise
        except errors.AuthenticationRefused as refusal:
            client.refusals.count(target.who, target, refusal)
            raise
        self._session, self.manner = found
        if self.manner != manner:
            self._manner_until = now + _MANNER_KEPT
        client.refusals.clear(target.who)
        client.logins += 1
        client.sessions += 1
        return self._session

    async def _resolve(self, allowed: float) -> transport.Endpoint:
        target, network = self.target, self._client.network
        found = await network.resolve(target.address, target.port, allowed)
        before, self._endpoint = self._endpoint, network.endpoint(*found)
        if before is not None:
            network.give_back(before)
        self._moved = False
        return self._endpoint


class Client:
    """All connections and their sockets; created inside the event loop that it runs in.

    :param clock: seconds, for how long BMCs are left alone and sessions idle
    """

    def __init__(self, timing: Timing, clock: Callable[[], float] = boottime) -> None:
        self.network = transport.Network()
        self.timing = timing
        self.clock = clock
        self.logins = 0  #: that succeeded
        self.sessions = 0  #: that are held
        self.withheld = Withheld()
        self._connections = Shared[Target, Connection]()
        self.refusals = Refusals(clock, timing.authentication_retry)
        self._leaving: list[Session] = []
        self._leave_all: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def connect(self, target: Target) -> Connection:
        """Return the connection to a target, shared by all users; each gives it back to :meth:`release`."""
        return self._connections.take(target, lambda: Connection(target, self))

    def corrected(self, connection: Connection) -> None:
        """Record that a connection replaces another one, because the ``driver_info`` has changed."""
        if connection.users == 1:  # the first of all nodes behind the BMC
            self.refusals.once_more(connection.target.who)

    def release(self, connection: Connection) -> None:
        """Give back a connection; with its last user the session ends and the target is forgotten."""
        if self._give_back(connection):
            connection.end()

    async def leave(self, connection: Connection) -> None:
        """As :meth:`release`, and wait a while for the BMC to confirm that its session is closed."""
        if not self._give_back(connection):
            return
        session = connection.give_up_session()
        try:
            if session is not None:
                self._leaving.append(session)
                if self._leave_all is None or self._leave_all.done():
                    self._leave_all = asyncio.create_task(self._close_leaving(), name="ipmi leaving")
                await asyncio.wait({self._leave_all})
        finally:
            connection.end()

    def _give_back(self, connection: Connection) -> bool:
        """Count one user less; return whether it was the last one."""
        target = connection.target
        if not self._connections.give_back(target):
            return False
        self.withheld.leave(target.account, (other.account for other in self._connections))
        return True

    async def _close_leaving(self) -> None:
        """Close the gathered sessions together, which costs a fraction of closing them one by one."""
        while self._leaving:
            await asyncio.sleep(_GATHER)
            sessions, self._leaving = self._leaving, []
            deadline = self.network.loop.time() + _LEAVING
            await closing.close_sessions(sessions, self.timing.retransmit, deadline)

    def statistics(self) -> dict[str, float]:
        """Return counts and sizes by name; may be called from any thread."""
        return {"logins": self.logins, "sessions": self.sessions, **self.network.statistics()}

    async def close(self) -> None:
        """Close all sessions, many at once, and then the sockets; takes no longer than ``timing.close``."""
        held = [connection.give_up_session() for connection in self._connections.values()]
        deadline = self.network.loop.time() + self.timing.close
        try:
            sessions = [session for session in held if session is not None]
            left = await closing.close_sessions(sessions, self.timing.retransmit, deadline)
            if left:
                LOG.warning(
                    "%d of %d BMCs did not confirm that they closed their session; one that stayed open "
                    "ends after 60 s without a packet",
                    left,
                    len(sessions),
                )
        finally:
            if self._leave_all is not None:
                self._leave_all.cancel()
            self._connections.clear()
            self.network.close()
