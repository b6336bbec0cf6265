"""Tries a login at a BMC beside the open session, and reports what the login may do.

Section numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from podium import errors
from podium.drivers.base import LoginReport
from podium.drivers.ipmi import power
from podium.drivers.ipmi.lan import closing, commands, opening, packet, refusals
from podium.drivers.ipmi.lan.client import LEVELS, Client, Connection
from podium.drivers.ipmi.lan.session import Session, Target
from podium.drivers.ipmi.lan.transport import UNLIMITED, Endpoint, NoAnswer

_CLOSING: Final = 1.0  # seconds for the BMC to close the session


async def check(client: Client, target: Target, held: Connection | None) -> LoginReport:
    """Log in once, read the power, and log out.

    After a refusal, only variants are tried with which the same user and password may be right, see
    :mod:`podium.drivers.ipmi.lan.refusals`.

    :param held: the node's connection, which may know in which manner to ask the BMC
    :raises podium.errors.AuthenticationRefused: wrong user, password, key or privilege level, or the BMC is
        left alone, because it refused this user before
    :raises podium.errors.BMCUnreachable: it is not known whether they are right
    :raises podium.errors.DriverError: they are right, but the power cannot be read
    """
    client.refusals.check(target.who)
    timing, loop = client.timing, client.network.loop
    deadline = loop.time() + timing.command
    async with _endpoint(client, target) as endpoint:
        if endpoint.busy:
            await endpoint.turn(timing.command)
        endpoint.busy = True
        try:
            session, manner = await _log_in(client, endpoint, target, _manner(target, held), deadline)
            report = await _report(session, target, manner, timing.retransmit, deadline)
        finally:
            endpoint.release()
        await closing.close_sessions([session], timing.retransmit, loop.time() + _CLOSING)
    return report


@asynccontextmanager
async def _endpoint(client: Client, target: Target) -> AsyncIterator[Endpoint]:
    """Return the BMC as the network sees it.

    :raises podium.errors.BMCUnreachable: there is no route to it, or it does not answer
    """
    network, allowed = client.network, client.timing.command
    try:
        endpoint = network.endpoint(*await network.resolve(target.address, target.port, allowed))
        try:
            yield endpoint
        finally:
            network.give_back(endpoint)
    except (NoAnswer, TimeoutError):
        raise errors.BMCUnreachable(f"BMC {target} does not answer within {allowed:g} s") from None
    except OSError as failure:
        raise errors.BMCUnreachable(f"no way to BMC {target}: {failure.strerror or failure}") from None


def _manner(target: Target, held: Connection | None) -> refusals.Manner:
    usual = refusals.usual(target.suite, target.privilege)
    if held is None or (held.target.address, held.target.port) != (target.address, target.port):
        return usual
    suite = held.manner.suite if target.suite is None else usual.suite
    return replace(usual, suite=suite, flips_lookup=held.manner.flips_lookup)


async def _log_in(
    client: Client, endpoint: Endpoint, target: Target, manner: refusals.Manner, deadline: float
) -> tuple[Session, refusals.Manner]:
    """Open a session, and count the BMC's answer to the login."""
    spare = client.refusals.of(target.who).in_quick_succession
    try:
        opened = await opening.open_session(
            endpoint, target, manner, client.timing.retransmit, deadline, spare=spare
        )
    except errors.AuthenticationRefused as refusal:
        client.refusals.count(target.who, target, refusal)
        raise
    except errors.DriverError as failure:
        raise errors.BMCUnreachable(str(failure)) from None
    client.refusals.clear(target.who)
    client.withheld.free(target.account)
    client.logins += 1
    return opened


async def _report(
    session: Session, target: Target, manner: refusals.Manner, gap: float, deadline: float
) -> LoginReport:
    """Return what the BMC grants in a session, and the power. Without an answer, the session is closed."""
    try:
        await _raise(session, gap, deadline)
        session.prepare(packet.GET_CHASSIS_STATUS, b"")
        code, status = await session.endpoint.ask(session, gap, deadline)
        if code:
            raise commands.CommandFailed(str(target), packet.GET_CHASSIS_STATUS, code)
        state = power.state(target, status)
    except BaseException as failure:
        session.abandon()
        if not isinstance(failure, NoAnswer | OSError):
            raise
        taken = f"BMC {target} accepted the login, and does not answer what is asked in the session"
        raise errors.DriverError(taken) from None
    return LoginReport(
        username=target.user.decode(),
        privilege=LEVELS[session.privilege],
        power_state=state,
        protocol=f"IPMI 2.0, cipher suite {manner.suite.number}",
        remarks=_remarks(session.privilege, target.privilege),
    )


async def _raise(session: Session, gap: float, deadline: float) -> None:
    """Raise the privilege as far as the BMC lets this user (Set Session Privilege Level, section 22.18)."""
    for level in range(session.limit, packet.PRIVILEGE_USER, -1):
        if await session.raise_privilege(level, gap, deadline, UNLIMITED) == 0:
            return


def _remarks(granted: int, wanted: int) -> tuple[str, ...]:
    """Return what the level does not allow.

    :param wanted: the level in ipmi_priv_level
    """
    remarks = []
    if granted < wanted:
        remarks.append(f"ipmi_priv_level asks for {LEVELS[wanted]}")
    if granted < packet.PRIVILEGE_OPERATOR:
        remarks.append(f"{LEVELS[granted]} may not switch the power; that takes OPERATOR")
    return tuple(remarks)
