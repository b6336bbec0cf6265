from pathlib import Path

import pytest

from fakes import make_conf
from podium import errors
from podium.conductor import preflight
from podium.db import members
from templates import prepared

OPTIONS = "[database]\nconnection = sqlite:///{}\nmax_retries = {}\nretry_interval = 7\n"


def test_a_database_that_is_waited_for_is_logged_once_and_so_is_its_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "p.sqlite"
    file.write_bytes(b"no database" * 100)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            file.unlink()

    preflight.check(make_conf(tmp_path, OPTIONS.format(file, -1)), sleep)
    assert slept == [7, 7, 7]
    waiting, made, sealed, back = caplog.messages
    assert sealed.startswith("Secrets in the database are encrypted from now on")
    assert waiting.startswith("Waiting for the database, tried again every 7 s: ")
    assert made == f"There was no database {file}, so an empty one was made"
    assert back == "The database answers, and the start goes on"


def test_a_database_that_never_answers_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "p.sqlite"
    file.write_bytes(b"no database" * 100)
    with pytest.raises(errors.DatabaseUnavailable, match=str(file)):
        preflight.check(make_conf(tmp_path, OPTIONS.format(file, 2)), lambda seconds: None)


@pytest.mark.parametrize(("other", "warnings"), [("there", 1), ("here", 0)])
def test_conductors_of_several_hosts_on_one_file_are_warned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, other: str, warnings: int
) -> None:
    database = prepared(f"sqlite:///{tmp_path}/p.sqlite")
    service = members.Service("boot:1:1", ["fake"], [""], [], 30.0, 5.0, "1.0", "print")
    with database.write() as connection:
        members.enter(connection, other, 0, service)
    database.dispose()
    conf = make_conf(tmp_path, f"{OPTIONS.format(tmp_path / 'p.sqlite', 0)}[DEFAULT]\nhost = here\n")
    preflight.check(conf)
    assert [text for text in caplog.messages if "SQLite is for one host" in text and "on there" in text] == (
        caplog.messages
    )
    assert len(caplog.messages) == warnings
    assert all(text.endswith("podium conductor forget there") for text in caplog.messages)
