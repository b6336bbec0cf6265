import asyncio
from typing import Any

from podium.api.fleet import OwnFleet


class FakeSql:
    """A database whose fleet has a new name each time."""

    def __init__(self) -> None:
        self.asked = 0

    async def read(self, what: object) -> str:
        self.asked += 1
        return f"f{self.asked}"


def test_the_database_is_asked_again_after_a_while_because_it_may_have_been_replaced() -> None:
    sql: Any = FakeSql()
    times = iter([0.0, 1.0, 4.9, 5.0, 9.0])
    fleet = OwnFleet(sql, lambda: next(times))

    async def run() -> list[str]:
        return [await fleet.id() for _ in range(5)]

    assert asyncio.run(run()) == ["f1", "f1", "f1", "f2", "f2"]
