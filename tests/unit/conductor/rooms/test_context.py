import asyncio
import logging
from collections.abc import Iterator

import pytest

from podium.conductor.rooms import context as contexts


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    logging.getLogger().addHandler(handler)
    contexts.install()
    yield handler
    logging.getLogger().removeHandler(handler)


def test_runs_that_share_a_loop_each_log_with_their_own_request_id(kept: Kept) -> None:
    requests = [contexts.new(), contexts.new()]

    async def run(name: str) -> None:
        for _ in range(3):
            logging.getLogger("driver").warning(name)
            await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(
                loop.create_task(run(request.request_id), context=contexts.carrying(request))
                for request in requests
            )
        )

    asyncio.run(main())
    told = {(record.getMessage(), record.__dict__["context"].request_id) for record in kept.records}
    assert told == {(request.request_id, request.request_id) for request in requests}


def test_outside_of_runs_there_is_no_request_id(kept: Kept) -> None:
    contexts.new()
    logging.getLogger("conductor").warning("hello")
    assert kept.records[0].__dict__["context"] is None
