"""Tokens that one process has seen."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.api.access.slowing import Slowing
from podium.api.access.tokens import Tokens
from podium.db import tokens as statements
from podium.db.tokens import Token


class Sql:
    """Knows one token, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.written: list[Any] = []
        self.is_away = False

    async def read(self, what: Callable[..., Any], secret: str) -> Token | None:
        assert what is statements.valid
        self.asked.append(secret)
        await asyncio.sleep(0)
        if self.is_away:
            raise errors.DatabaseUnavailable("away")
        fields: Any = dict.fromkeys(Token._fields)
        return Token(**fields | {"id": 1, "name": "x", "role": "reader"}) if secret == "podium_good" else None

    async def write(self, what: Callable[..., Any], *given: Any) -> None:
        assert what is statements.note_use
        if self.is_away:
            raise errors.DatabaseUnavailable("away")
        self.written.append(given)


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.sql = Sql()
        self.slept: list[float] = []
        self.tokens = Tokens(self.sql, Slowing(self.clock, self.sleep), self.clock)  # type: ignore[arg-type]

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def is_good(self, secret: str = "podium_good") -> bool:
        found = await self.tokens.find(secret, "192.0.2.1")
        await asyncio.sleep(0)
        return found is not None


@pytest.fixture
def world() -> World:
    return World()


def test_the_database_is_asked_once_in_five_seconds(world: World) -> None:
    async def run() -> None:
        for passed in (0, 4, 2, 1):
            world.now += passed
            assert await world.is_good()

    asyncio.run(run())
    assert len(world.sql.asked) == 2


def test_many_requests_at_once_are_one_question(world: World) -> None:
    async def run() -> None:
        assert all(await asyncio.gather(*[world.is_good() for _ in range(20)]))

    asyncio.run(run())
    assert len(world.sql.asked) == 1


def test_a_use_is_noted_once_a_minute_and_a_failed_note_is_nobodys_answer(world: World) -> None:
    async def run() -> None:
        assert await world.is_good()
        world.now += 4
        world.sql.is_away = True
        assert await world.is_good()
        world.sql.is_away = False
        world.now += 57
        assert await world.is_good()

    asyncio.run(run())
    assert world.sql.written == [(1, "192.0.2.1")] * 2


def test_wrong_tokens_are_slowed_and_what_is_no_token_costs_no_question(world: World) -> None:
    async def run() -> None:
        for number in range(30):
            assert not await world.is_good(f"podium_wrong{number}")
            assert not await world.is_good("password" * 100)

    asyncio.run(run())
    assert len(world.sql.asked) == 30
    assert world.slept and world.slept == sorted(world.slept)


def test_an_outage_of_the_database_slows_nobody(world: World) -> None:
    async def run() -> None:
        world.sql.is_away = True
        for _ in range(50):
            with pytest.raises(errors.DatabaseUnavailable):
                await world.is_good()
        world.sql.is_away = False
        assert await world.is_good()

    asyncio.run(run())
    assert world.slept == []


def test_what_is_remembered_is_bounded_and_is_no_secret(world: World) -> None:
    async def run() -> None:
        await world.is_good()
        for number in range(1100):
            world.now += 100
            await world.is_good(f"podium_{number}")

    asyncio.run(run())
    assert len(world.tokens._known) == 1000
    assert "podium_" not in repr(vars(world.tokens)["_known"])
