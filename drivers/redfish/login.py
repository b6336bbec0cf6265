"""Tries a login at a BMC beside the open session, and reports what the login may do."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final, TypeVar

from podium import errors
from podium.drivers.base import LoginReport
from podium.drivers.redfish import accounts, finding, power, resources
from podium.drivers.redfish.http.client import BMC, Client, Target

_T = TypeVar("_T")

_CLOSING: Final = 3.0  # seconds for the BMC to close the session
_ROLE: Final = 8.0  # seconds for the role; most BMCs can only be asked for it account by account


async def check(client: Client, target: Target, system: str, held: BMC | None) -> LoginReport:
    """Log in once, read the power, and log out.

    :param system: the path of the node's system; empty to find it on a BMC that has only one
    :param held: the node's connection, which shows that the BMC has sessions
    :raises podium.errors.AuthenticationRefused: wrong user or password, or the BMC is left alone, because it
        refused this user before
    :raises podium.errors.BMCUnreachable: it is not known whether they are right
    :raises podium.errors.DriverError: they are right, but the power cannot be read
    """
    client.network.refusals.check(target.who)
    bmc = client.once(_as_held(target, held))
    try:
        async with asyncio.timeout(client.network.timing.command):
            return await _Check(client, target, bmc).run(system)
    except TimeoutError:
        seconds = f"within {client.network.timing.command:g} s"
        if bmc.has_session:
            raise errors.DriverError(
                f"BMC {target} accepted the login, and did not answer {seconds}"
            ) from None
        raise errors.BMCUnreachable(f"BMC {target} does not answer {seconds}") from None
    finally:
        await bmc.end(client.network.deadline(_CLOSING))


def _as_held(target: Target, held: BMC | None) -> Target:
    """Request a session at once if the BMC is known to have sessions."""
    places = [(one.scheme, one.host, one.port) for one in (target, *([held.target] if held else []))]
    if target.auth == "auto" and held is not None and held.has_session and places[0] == places[1]:
        return replace(target, auth="session")
    return target


class _Check:
    """One login, and the requests made with it.

    :param target: the target for which a refusal is counted
    :param bmc: which logs in once
    """

    def __init__(self, client: Client, target: Target, bmc: BMC) -> None:
        self._client = client
        self._target = target
        self._bmc = bmc

    async def run(self, system: str) -> LoginReport:
        bmc, target = self._bmc, self._target
        await self._prove(bmc.enter())
        if bmc.has_session:
            self._accepted()
            path, state = await self._read_as_known(system)
        else:  # user name and password go with each request: the first one is the login
            path, state = await self._prove(self._read(system))
            self._accepted()
        privilege: str | None = None
        remarks: list[str] = []
        if target.auth != "none":
            privilege, remarks = await self._allowed()
            if not bmc.has_session and await self._is_public(path):
                remarks.append("the BMC shows this system to everybody: nothing proves the password")
        return LoginReport(
            username=None if target.auth == "none" else target.username,
            privilege=privilege,
            power_state=state,
            protocol=f"Redfish, {self._way()}",
            remarks=tuple(remarks),
        )

    def _accepted(self) -> None:
        """Record that the login was accepted."""
        self._client.network.refusals.clear(self._target.who)
        self._client.network.withheld.free(self._target.account)

    async def _prove(self, asking: Awaitable[_T]) -> _T:
        """Return the awaited answer; until it arrives it is not known whether the login is right."""
        try:
            return await asking
        except errors.AuthenticationRefused as refusal:
            if self._target.auth != "none":
                self._client.network.refusals.count(self._target.who, self._target, refusal)
            raise
        except (errors.BMCUnreachable, errors.InvalidDriverInfo):
            raise
        except errors.DriverError as failure:
            raise errors.BMCUnreachable(str(failure)) from None

    async def _read_as_known(self, system: str) -> tuple[str, str]:
        try:
            return await self._read(system)
        except (errors.AuthenticationRefused, errors.BMCUnreachable) as failure:
            # From here on no failure depends on the password.
            raise errors.DriverError(f"the login was accepted, and then: {failure}") from None

    async def _read(self, system: str) -> tuple[str, str]:
        """Return the path of the system, and its power state."""
        path = system or await finding.located(self._bmc, system)
        body = (await self._bmc.get(path)).body
        word = power.known(body.get("PowerState"))
        if word is None:
            raise power.missing(self._bmc.target, path, body)
        return path, power.SETTLED.get(word) or power.PASSING[word]

    async def _allowed(self) -> tuple[str | None, list[str]]:
        """Return the role, if the BMC reports it in time, and anything unusual about the account."""
        with contextlib.suppress(errors.DriverError, TimeoutError):
            async with asyncio.timeout(_ROLE):
                found = await accounts.find(self._bmc, self._target.username)
                if found is None:
                    return None, []
                body = found[1].body
                role = await accounts.role(self._bmc, body)
                return None if role is None else role.name, _remarks(role, body)
        return None, []

    async def _is_public(self, path: str) -> bool:
        nobody = self._client.once(replace(self._target, username="", password="", auth="none"))
        try:
            await nobody.get(path)
        except errors.DriverError:
            return False
        finally:
            await nobody.end(self._client.network.deadline(_CLOSING))
        return True

    def _way(self) -> str:
        if self._target.auth == "none":
            return "without a login"
        return "session" if self._bmc.has_session else "Basic"


def _remarks(role: accounts.Role | None, account: dict[str, object]) -> list[str]:
    """Return remarks for people who rely on an account."""
    remarks = []
    if role is not None and role.privileges is not None and accounts.RESET not in role.privileges:
        remarks.append(f"{role.name} may not switch the power; that takes {accounts.RESET}")
    if account.get("PasswordChangeRequired") is True:
        remarks.append("the BMC wants another password")
    if (expires := resources.text(account, "PasswordExpiration")) is not None:
        remarks.append(f"the password expires at {expires}")
    return remarks
