"""Has the database confirm each request right before a command is sent; many requests share a transaction."""

import asyncio
from typing import Final

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import beginning
from podium.db.worker import Worker

#: Seconds for which confirmations are gathered for one transaction.
_GATHER: Final = 0.01


class Confirmations:
    """Confirms requests. Only the conductor's loop may use it.

    :param worker: the worker that owns the requests
    """

    def __init__(self, sql: Sql, worker: Worker) -> None:
        self._sql = sql
        self._worker = worker
        # By request: the future answer whether it is still under way, and whether it is repeatable.
        self._to_confirm: dict[int, tuple[asyncio.Future[bool], bool]] = {}
        self._confirming = asyncio.Lock()

    async def confirm(self, request_id: int, *, repeatable: bool = False) -> None:
        """Have the database confirm a request that is about to be sent; many requests share a transaction.

        :param repeatable: whether the next conductor may send the command again; it does not count as sent
            then
        :raises podium.errors.NodeConflict: the request no longer belongs to this conductor
        """
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = self._to_confirm[request_id] = mine, repeatable
        try:
            async with self._confirming:
                if not mine.done():  # otherwise the previous caller wrote it
                    await asyncio.sleep(_GATHER)
                    await self._confirm_all()
        finally:
            if self._to_confirm.get(request_id) is entry:
                del self._to_confirm[request_id]
        if not mine.result():
            raise errors.NodeConflict("it was not sent: the request is no longer this conductor's")

    async def _confirm_all(self) -> None:
        batch, self._to_confirm = self._to_confirm, {}
        now, repeatable = self._sql.now(), {number for number, (_, again) in batch.items() if again}
        try:
            confirmed = await self._sql.write(
                lambda connection: beginning.mark_sent(connection, batch, self._worker, now, repeatable)
            )
        except BaseException:
            self._to_confirm = batch | self._to_confirm
            raise
        for request_id, (waiting, _) in batch.items():
            if not waiting.done():
                waiting.set_result(request_id in confirmed)
