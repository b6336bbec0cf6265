"""What is written together is sent together."""

import asyncio
from typing import Any

import pytest

from podium.api.serving.joining import Joining


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.sent.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.sent


LARGE = b"x" * 70_000


@pytest.mark.parametrize(
    "written, sent",
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head"], [b"head"]),
        ([b"head", b""], [b"head"]),
        ([b"head", LARGE], [b"head", LARGE]),
        ([LARGE, b"tail", b"end"], [LARGE, b"tailend"]),
        ([b"head", "close"], [b"head", "closed"]),
        (["close"], ["closed"]),
    ],
)
def test_parts_are_sent_together_and_in_order(written: list[Any], sent: list[Any]) -> None:
    async def write() -> list[Any]:
        transport = Transport()
        joining = Joining(transport, asyncio.get_running_loop())
        for part in written:
            joining.close() if part == "close" else joining.write(part)
        await asyncio.sleep(0)
        assert joining.is_closing() == ("closed" in sent)
        return transport.sent

    assert asyncio.run(write()) == sent
