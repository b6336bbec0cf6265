"""Which nodes are whose, where several workers share those of one conductor."""

from collections.abc import Callable
from typing import Final

#: Places of each worker on the ring; many, so that the shares are of nearly the same size.
_PARTITIONS: Final = 1024


def share_of(worker: int, workers: int) -> Callable[[str], bool]:
    """Whether a node, by its UUID, is in the share of a worker.

    :param worker: which one, counted from 0
    :param workers: how many there are
    """
    if workers == 1:
        return lambda uuid: True
    # Here and not above: half a second and several MB that a conductor with one worker need not pay.
    from tooz.hashring import HashRing

    ring = HashRing([str(number) for number in range(workers)], partitions=_PARTITIONS)
    mine = {str(worker)}
    return lambda uuid: bool(ring.get_nodes(uuid.encode()) == mine)
