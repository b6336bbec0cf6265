"""The file of users."""

import asyncio
import logging
from pathlib import Path

import bcrypt
import pytest

from podium import errors
from podium.api.access import htpasswd
from podium.api.access.htpasswd import UserFile


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def hashed(password: str, prefix: str = "2b") -> str:
    made = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return f"${prefix}{made[3:]}"


def test_bcrypt_of_each_prefix_is_taken() -> None:
    text = "".join(f"u{one}:{hashed('pw', one)}\n" for one in ("2y", "2a", "2b"))
    users, faults = htpasswd.parse(f"# people\n\n{text}")
    assert (sorted(users), faults) == (["u2a", "u2b", "u2y"], {})
    assert all(bcrypt.checkpw(b"pw", its_hash) for its_hash in users.values())


def test_wrong_lines_are_named_by_number_and_the_others_count() -> None:
    good = hashed("pw")
    lines = [
        f"alice:{good}",
        "bob:$apr1$salt$abcdefgh",
        good,
        f"al ice:{good}",
        f"alice:{hashed('other')}",
        f"carol:$2b$31{good[6:]}",
        f"dave:{good}x",
        f"erin:{good}\r",
    ]
    users, faults = htpasswd.parse("\n".join(lines))
    assert sorted(users) == ["alice", "erin"]
    assert users["alice"] == good.encode()
    assert sorted(faults) == [2, 3, 4, 5, 6, 7]


def test_a_change_is_seen_after_a_second_and_not_looked_for_before(tmp_path: Path) -> None:
    async def run() -> None:
        path, clock = tmp_path / "htpasswd", Clock()
        path.write_text(f"alice:{hashed('pw')}\n")
        file = UserFile(str(path), clock)
        assert list(await file.users()) == ["alice"]
        path.write_text(f"bob:{hashed('pw')}\ncarol:{hashed('pw')}\n")
        clock.now += 0.9
        assert list(await file.users()) == ["alice"]
        clock.now += 0.2
        assert list(await file.users()) == ["bob", "carol"]

    asyncio.run(run())


def test_a_wrong_line_is_logged_once_and_without_what_is_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        path, clock = tmp_path / "htpasswd", Clock()
        path.write_text("alice:$apr1$secret\n")
        file = UserFile(str(path), clock)
        await file.users()
        clock.now += 2
        path.write_text(f"alice:$apr1$secret\nbob:{hashed('pw')}\n")
        assert list(await file.users()) == ["bob"]

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert [one.message for one in caplog.records] == [
        f"{tmp_path / 'htpasswd'}, line 1, is left out: its hash is not one of bcrypt; htpasswd -B makes one"
    ]


def test_while_the_file_is_away_nobody_is_known_and_that_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        path, clock = tmp_path / "htpasswd", Clock()
        path.write_text(f"alice:{hashed('pw')}\n")
        file = UserFile(str(path), clock)
        await file.users()
        path.rename(tmp_path / "away")
        for _ in range(3):
            clock.now += 2
            with pytest.raises(errors.ConfigError, match="No such file"):
                await file.users()
        (tmp_path / "away").rename(path)
        clock.now += 2
        assert list(await file.users()) == ["alice"]

    asyncio.run(run())
    assert len([one for one in caplog.records if one.levelno >= logging.ERROR]) == 1


def test_a_missing_file_is_one_error_that_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        htpasswd.read(str(tmp_path / "none"))
    assert str(caught.value) == (
        f"[DEFAULT] http_basic_auth_user_file = {tmp_path}/none cannot be read: No such file or directory;"
        f" make it with: htpasswd -B -c {tmp_path}/none USER"
    )
