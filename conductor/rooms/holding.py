"""Reserves nodes for longer than one call, and refuses the visits that waited for them meanwhile."""

import asyncio
from collections.abc import Iterable

from podium.conductor.rooms.visit import Visit
from podium.drivers.base import Node


class Hold:
    """Nodes that only their holder may visit. Only the room's loop may use it.

    A waiting visit was planned with the node's earlier state, and would act on that. So it is refused at the
    end, and its caller has to plan a new one.

    :param held: the room's visits that have taken a node, by its UUID
    """

    def __init__(self, held: dict[str, Visit], nodes: Iterable[Node]) -> None:
        self._held = held
        self._uuids = [node.uuid for node in nodes]
        self._visits: list[Visit] = []
        #: The holder's visits to the nodes, by UUID.
        self.own: dict[str, Visit] = {}

    async def take(self, seconds: float) -> None:
        """Wait until every call to the nodes has returned.

        :raises podium.conductor.rooms.places.NotAsked: that takes longer, or a call was given up
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
        """Let others visit the nodes, once the holder's calls have returned."""
        for visit in self._visits:
            visit.refuse_waiting()
            own = self.own.get(visit.uuid)
            if own is None or own.task is None:
                visit.end()
            else:
                visit.end_after(own)
        self._visits.clear()
