"""Keeps everybody else from nodes for longer than one call, and refuses who waited for them meanwhile."""

import asyncio
from collections.abc import Iterable

from podium.conductor.rooms.visit import Visit
from podium.drivers.base import Node


class Hold:
    """Nodes that nobody visits but the one who holds them. For the room's loop alone.

    A visit that waits was planned with what the node was before, and would act on that. So it is refused at
    the end, and whoever still wants something plans it anew.

    :param held: the room's visits that have a node, by its UUID
    """

    def __init__(self, held: dict[str, Visit], nodes: Iterable[Node]) -> None:
        self._held = held
        self._uuids = [node.uuid for node in nodes]
        self._visits: list[Visit] = []
        #: The visits of whoever holds the nodes, by UUID.
        self.own: dict[str, Visit] = {}

    async def take(self, seconds: float) -> None:
        """Wait until every call to the nodes has returned.

        :raises podium.conductor.rooms.places.NotAsked: when that takes longer, or one was given up
        """
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        try:
            for uuid in self._uuids:
                visit = Visit(self._held, uuid, urgent=True)
                if not visit.take():
                    await visit.turn(end - clock())
                self._visits.append(visit)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Let others go to the nodes, once the calls of whoever held them have returned."""
        for visit in self._visits:
            visit.refuse_waiting()
            own = self.own.get(visit.uuid)
            if own is None or own.task is None:
                visit.end()
            else:
                visit.end_after(own)
        self._visits.clear()
