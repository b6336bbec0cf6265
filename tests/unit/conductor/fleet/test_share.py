import uuid

import pytest

from podium.conductor.fleet.share import share_of

UUIDS = [str(uuid.UUID(int=number)) for number in range(4000)]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_every_node_is_in_the_share_of_exactly_one_worker(workers: int) -> None:
    shares = [share_of(worker, workers) for worker in range(workers)]
    assert all(sum(share(one) for share in shares) == 1 for one in UUIDS)


def test_shares_are_of_nearly_the_same_size() -> None:
    sizes = [sum(map(share_of(worker, 4), UUIDS)) for worker in range(4)]
    assert max(sizes) < 1.25 * min(sizes)
