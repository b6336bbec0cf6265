"""Bearer tokens, looked up in the database and remembered for a few seconds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from oslo_log import log

from podium import errors
from podium.api.access.slowing import Slowing
from podium.api.faults import Fault
from podium.api.sql import Sql
from podium.db import tokens
from podium.db.tokens import Token

LOG = log.getLogger(__name__)

#: The prefix of all tokens of Podium, by which leaked ones can be searched for.
PREFIX: Final = "podium_"
_LONGEST: Final = 200
#: Seconds for which an answer of the database is used; a revoked token may be accepted that long.
_FRESH: Final = 5.0
#: Seconds between records of a token's use.
_NOTED: Final = 60.0
_MOST_KNOWN: Final = 1000

_K = TypeVar("_K")
_V = TypeVar("_V")


class Tokens:
    """The tokens that one process has seen; used in its event loop."""

    def __init__(self, sql: Sql, slowing: Slowing, clock: Callable[[], float]) -> None:
        self._sql = sql
        self._slowing = slowing
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Token | None]] = OrderedDict()
        self._noted: OrderedDict[int, float] = OrderedDict()
        self._under_way: dict[tuple[str, str], asyncio.Task[Token | None]] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def find(self, secret: str, address: str) -> Token | None:
        """Return the valid token with this secret.

        :raises podium.api.faults.Fault: too many tokens were wrong
        :raises podium.errors.DatabaseUnavailable: it cannot be looked up
        """
        if not secret.startswith(PREFIX) or len(secret) > _LONGEST:
            return None
        key, now = tokens.digest(secret), self._clock()
        until, token = self._known.get(key, (0.0, None))
        if until <= now:
            token = await self._look_up(key, secret, address)
        if token is not None and now - self._noted.get(token.id, -_NOTED) >= _NOTED:
            _keep(self._noted, token.id, now)
            note = asyncio.create_task(self._note(token.id, address), name="use of a token")
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
        return token

    async def _look_up(self, key: str, secret: str, address: str) -> Token | None:
        shared = self._under_way.get((key, address))
        if shared is None:
            shared = self._under_way[key, address] = asyncio.ensure_future(self._ask(key, secret, address))
            shared.add_done_callback(lambda _: self._under_way.pop((key, address), None))
        return await asyncio.shield(shared)

    async def _ask(self, key: str, secret: str, address: str) -> Token | None:
        await self._slowing.turn(address, key.encode())
        try:
            token = await self._sql.read(tokens.valid, secret)
        except (errors.DatabaseError, Fault):
            self._slowing.take_back(address, key.encode())
            raise
        _keep(self._known, key, (self._clock() + _FRESH, token))
        if token is None:
            LOG.warning("A token from %s was refused", address)
        else:
            self._slowing.succeed(address, key.encode())
        return token

    async def _note(self, number: int, address: str) -> None:
        try:
            await self._sql.write(tokens.note_use, number, address)
        except errors.DatabaseError as error:
            LOG.warning("The use of a token was not written down: %s", errors.one_line(error))


def _keep(kept: "OrderedDict[_K, _V]", key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST_KNOWN:
        kept.popitem(last=False)
