"""Checks of passwords."""

import asyncio
import gc
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.api.access.htpasswd import UserFile
from podium.api.access.passwords import Passwords
from podium.api.access.slowing import Slowing

HERE = "192.0.2.1"
#: Nobody computes these: the check is a fake.
HASH = "$2b$05$" + "a" * 53
OTHER = "$2b$11$" + "b" * 53


class Bcrypt:
    """Takes the password ``right`` for everybody."""

    def __init__(self) -> None:
        self.checked: list[bytes] = []

    def __call__(self, password: bytes, its_hash: bytes) -> bool:
        self.checked.append(its_hash)
        return password == b"right"


class World:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "htpasswd"
        self.path.write_text(f"alice:{HASH}\nbob:{OTHER}\n")
        self.now = 100.0
        self.bcrypt = Bcrypt()
        clock: Callable[[], float] = lambda: self.now  # noqa: E731

        async def sleep(seconds: float) -> None:
            self.now += seconds

        self.passwords = Passwords(
            UserFile(str(self.path), clock), Slowing(clock, sleep), check=self.bcrypt, clock=clock
        )

    async def ask(self, name: str, password: str) -> bool:
        return await self.passwords.are_right(name, password.encode(), HERE)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_right_password_is_checked_once_in_five_minutes(world: World) -> None:
    async def run() -> None:
        assert await world.ask("alice", "right")
        world.now += 299
        assert await world.ask("alice", "right")
        assert len(world.bcrypt.checked) == 1
        world.now += 2
        assert await world.ask("alice", "right")
        assert len(world.bcrypt.checked) == 2

    asyncio.run(run())


def test_a_wrong_password_is_never_remembered(world: World) -> None:
    async def run() -> None:
        for _ in range(2):
            assert not await world.ask("alice", "wrong")
        assert len(world.bcrypt.checked) == 2

    asyncio.run(run())


def test_a_new_line_in_the_file_ends_what_is_remembered(world: World) -> None:
    async def run() -> None:
        assert await world.ask("alice", "right")
        world.path.write_text(f"alice:{OTHER}\n")
        world.now += 2
        assert await world.ask("alice", "right")
        assert world.bcrypt.checked == [HASH.encode(), OTHER.encode()]
        world.path.write_text("")
        world.now += 2
        assert not await world.ask("alice", "right")

    asyncio.run(run())


def test_the_same_login_many_times_at_once_is_one_check(world: World) -> None:
    async def run() -> None:
        assert all(await asyncio.gather(*[world.ask("alice", "right") for _ in range(50)]))
        assert len(world.bcrypt.checked) == 1

    asyncio.run(run())


def test_an_unknown_user_costs_a_check_as_dear_as_that_of_a_known_one(world: World) -> None:
    async def run() -> None:
        for number in range(40):
            assert not await world.ask(f"nobody{number}", "right")
        assert not await world.ask("nobody0", "wrong")

    asyncio.run(run())
    costs = [one[4:6] for one in world.bcrypt.checked]
    assert len(costs) == 41
    assert set(costs) == {b"05", b"11"}
    assert costs[0] == costs[-1]  # the same for one name


@pytest.mark.parametrize("password", ["x" * 73, "right\0right"])
def test_what_bcrypt_would_cut_is_wrong_without_a_check(world: World, password: str) -> None:
    assert not asyncio.run(world.ask("alice", password))
    assert world.bcrypt.checked == []


def test_failures_are_logged_without_what_was_typed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        await world.ask("alice", "my secret")
        await world.ask("pa55word", "alice")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert [one.getMessage() for one in caplog.records if one.name.startswith("podium")] == [
        "A login of alice from 192.0.2.1 failed",
        "A login of an unknown user from 192.0.2.1 failed",
    ]


def test_no_password_is_kept(world: World) -> None:
    secret = "correct horse " + "battery staple"

    async def run() -> None:
        await world.ask("alice", secret)
        gc.collect()
        kept = [*vars(world.passwords).values(), *vars(world.passwords._slowing).values()]
        assert secret not in repr(kept)

    asyncio.run(run())
