from pathlib import Path

import pytest

from fakes import make_conf
from podium import errors
from podium.conductor import preflight
from podium.conductor.telling.sink_settings import NotificationSettings
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


SINK = "[notifications]\nsinks = pager\n[notifications_pager]\nexec = /bin/x\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[notifications_pager]\nwhere = nme=x", "[notifications_pager] where = nme=x cannot be used"),
        ("[notifications_pager]\ncauses = request\nmin_severity = error", "leave none"),
        ("[secrets]\nkey_file = /no/such/file", "[secrets] key_file = /no/such/file cannot be used"),
    ],
)
def test_a_reload_is_refused_that_would_keep_a_worker_from_its_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, told: str
) -> None:
    conf = make_conf(tmp_path, f"{SINK}min_severity = warning\n")
    preflight.check(conf)
    file = tmp_path / "podium.conf"
    file.write_text(f"{file.read_text().replace('= warning', '= info')}{text}\n")
    assert conf.mutate_config_files() == {}
    assert told in caplog.messages[-1]
    (pager,) = NotificationSettings.read(conf).sinks
    assert "request" not in pager.wanted.causes
