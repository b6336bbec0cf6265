"""Many sessions are closed in little time, and a few at once."""

import asyncio

from podium.drivers.bmc.closing import paced
from virtual_time import run


def test_items_come_in_order_with_a_pause_after_every_few() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        found = [(item, round(loop.time(), 2)) async for item in paced(range(500))]
        assert [item for item, _ in found] == list(range(500))
        times = [at for _, at in found]
        assert (times.count(0.0), times.count(0.01), times.count(0.02)) == (200, 200, 100)

    run(main)
