"""What a worker does with its keys while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from fakes import PATIENCE, until
from podium import errors
from podium.conductor.fleet.secret_keys import SecretKeys
from podium.conductor.rooms.sql import Sql
from podium.db import members, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.sealed import Sealing
from podium.db.worker import Worker
from templates import prepared

SERVICE: Final = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "f")
RING, MORE = Keyring([bytes(32)]), Keyring([bytes([1] * 32), bytes(32)])


class Story:
    """A worker with a key, beside others."""

    def __init__(self, folder: Path, others: list[str] | None) -> None:
        self.file: Keyring | errors.ConfigError = RING
        self.sealing = Sealing(RING, frozenset, "/keys")
        self.database = Database(prepared(f"sqlite:///{folder}/p.sqlite").url, sealing=self.sealing)
        self.member = self._enter("here", RING.names)
        self.other = self._enter("there", others)
        self.sql = Sql(self.database)
        self.keys = SecretKeys(self.sql, self.sealing, self.member, self._read)

    def _enter(self, host: str, keys: tuple[str, ...] | list[str] | None) -> Worker:
        with self.database.write() as connection:
            return members.enter(connection, host, 0, SERVICE._replace(secret_keys=keys))

    def _read(self) -> Keyring:
        if isinstance(self.file, errors.ConfigError):
            raise self.file
        return self.file

    def in_use(self) -> tuple[str, ...]:
        with self.database.read() as connection:
            return secret_keys.in_use(connection)

    def held(self) -> bool:
        """Whether this member has announced what its file has."""
        with self.database.read() as connection:
            return str(self.member) not in secret_keys.lacking(connection, MORE.names[0])

    def play(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            running = asyncio.ensure_future(self.keys.run())
            try:
                await asyncio.wait_for(scene(), PATIENCE)
            finally:
                running.cancel()

        asyncio.run(main())
        self.sql.close()


def test_a_key_encrypts_once_the_last_member_has_it_and_the_log_names_who_lacks_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    story = Story(tmp_path, others=None)

    async def scene() -> None:
        await story.keys.look()
        await story.keys.look()
        assert story.in_use() == ()
        with story.database.write() as connection:
            members.hold_keys(connection, story.other, RING.names)
        await story.keys.look()
        assert story.in_use() == RING.names

    with caplog.at_level(logging.INFO):
        story.play(scene)
    told = [record.getMessage() for record in caplog.records if "ncrypted" in record.getMessage()]
    assert told == [
        f"Secrets are not encrypted with the key {RING.names[0]} of /keys until all conductors hold it:"
        f" not yet {story.other}",
        f"Secrets in the database are encrypted from now on, with the key {RING.names[0]} of /keys; back that"
        " file up, apart from the database: nobody can read them without it",
    ]


def test_a_new_key_is_announced_after_a_reload(tmp_path: Path) -> None:
    story = Story(tmp_path, others=[*MORE.names])

    async def scene() -> None:
        await story.keys.look()
        story.file = MORE
        story.keys.reload()
        await until(lambda: set(story.in_use()) == set(MORE.names))
        assert story.sealing.keyring.names == MORE.names

    story.play(scene)


@pytest.mark.parametrize(
    "file", [errors.ConfigError("line 3 is no key"), Keyring([bytes([9] * 32)])], ids=["faulty", "other"]
)
def test_a_file_with_a_fault_or_without_a_key_in_use_leaves_the_old_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: Keyring | errors.ConfigError
) -> None:
    story = Story(tmp_path, others=[*RING.names])

    async def scene() -> None:
        await story.keys.look()
        story.file = file
        story.keys.reload()
        await until(lambda: "The keys stay as they were: " in caplog.text)
        assert story.sealing.keyring.names == RING.names

    story.play(scene)
    with story.database.read() as connection:
        assert secret_keys.lacking(connection, RING.names[0]) == []


def test_what_could_not_be_announced_in_an_outage_is_announced_later(tmp_path: Path) -> None:
    story = Story(tmp_path, others=[*MORE.names])
    story.file = MORE
    away = [True]
    write = story.sql.write

    async def failing(function: Callable[..., object]) -> object:
        if away:
            away.clear()
            raise errors.DatabaseUnavailable("away")
        return await write(function)

    async def scene() -> None:
        await story.keys.look()
        story.sql.write = failing  # type: ignore[method-assign, assignment]
        story.keys.reload()
        await until(lambda: not away)
        story.keys.reload()
        await until(story.held)

    story.play(scene)
