"""The keys of this worker: which it says it holds, and when the first of them begins to encrypt."""

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

#: Seconds between two looks whether everybody holds a new key by now.
_LOOK: Final = 5.0


class SecretKeys:
    """Used in the conductor's loop.

    :param sealing: of the worker's database
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
        """Begin to use a new key as soon as every member holds it, and read the file again when asked to."""
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
        """Begin to use the first key if every member holds it; log who does not.

        :raises podium.errors.DatabaseUnavailable: the database cannot be asked
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
        """Ask for the key file to be read again; with a fault, or without a key in use, the old keys stay."""
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
        # What others encrypt with a new key as soon as they know of it can be read from now on.
        self._sealing.keyring = old.joined(new)
        self._unsaid = new
        try:
            await self._sql.write(lambda connection: members.hold_keys(connection, self._member, new.names))
        except errors.DatabaseUnavailable:
            return  # and it may have been written all the same
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
    """The key that is to be used next, and the members that do not hold it."""
    name = secret_keys.next_key(connection, keyring)
    return name, [] if name is None else secret_keys.lacking(connection, name)
