"""The keys of this worker: which keys it reports to hold, and when it starts to encrypt with the first."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import members, secret_keys
from podium.db.keyring import Keyring
from podium.db.sealed import Sealing
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

#: Seconds between two checks of whether every member holds a new key.
_LOOK: Final = 5.0


class SecretKeys:
    """Puts new keys into use. Used in the conductor's loop.

    :param sealing: the sealing of the worker's database
    :param read: reads the key file again
    """

    def __init__(self, sql: Sql, sealing: Sealing, member: Worker, read: Callable[[], Keyring]) -> None:
        self._sql = sql
        self._sealing = sealing
        self._member = member
        self._read = read
        self._reloaded = asyncio.Event()
        self._waited_for: list[str] = []
        self._unsaid: Keyring | None = None

    async def run(self) -> None:
        """Start using a new key as soon as every member holds it, and read the file again on request."""
        while True:
            if self._reloaded.is_set():
                self._reloaded.clear()
                await self._read_again()
            if self._unsaid is not None:
                await self._announce(self._unsaid)
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._reloaded.wait()

    async def look(self) -> None:
        """Start using the first key if every member holds it; log the members that do not.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        keyring = self._sealing.keyring
        if not keyring.names or keyring.names[0] == self._sealing.writes_with:
            return
        name, waited_for = await self._sql.read(lambda connection: _waits(connection, keyring))
        if name is None:
            return
        if waited_for and waited_for != self._waited_for:
            LOG.warning(
                "Secrets are not encrypted with the key %s of %s until all conductors hold it: not yet %s",
                name,
                self._sealing.source,
                ", ".join(waited_for),
            )
        self._waited_for = waited_for
        begun = await self._sql.write(lambda connection: secret_keys.begin(connection, keyring))
        if begun is not None:
            LOG.warning("%s", secret_keys.words(begun, self._sealing.source))

    def reload(self) -> None:
        """Have the key file read again; if it is faulty, or lacks a key in use, the old keys stay."""
        self._reloaded.set()

    async def _read_again(self) -> None:
        try:
            new = await asyncio.to_thread(self._read)
        except errors.ConfigError as fault:
            LOG.error("The keys stay as they were: %s", fault)
            return
        if new.names != self._sealing.keyring.names or self._unsaid is not None:
            await self._announce(new)

    async def _announce(self, new: Keyring) -> None:
        old = self._sealing.keyring
        # Others may encrypt with a new key as soon as they know it; from now on this worker can decrypt that.
        self._sealing.keyring = old.joined(new)
        self._unsaid = new
        try:
            await self._sql.write(lambda connection: members.hold_keys(connection, self._member, new.names))
        except errors.DatabaseUnavailable:
            return  # it may still have been written
        except errors.ConfigError as fault:
            LOG.error("The keys stay as they were: %s", fault)
            self._sealing.keyring = old
        else:
            self._sealing.keyring = new
            LOG.info("The keys of %s are %s now", self._sealing.source, ", ".join(new.names))
            with contextlib.suppress(errors.DatabaseUnavailable):
                await self.look()
        self._unsaid = None


def _waits(connection: sa.Connection, keyring: Keyring) -> tuple[str | None, list[str]]:
    """The key to be used next, and the members that do not hold it."""
    name = secret_keys.next_key(connection, keyring)
    return name, [] if name is None else secret_keys.lacking(connection, name)
