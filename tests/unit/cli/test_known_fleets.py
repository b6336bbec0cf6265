import json
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import There
from podium.cli.known_fleets import KnownFleets, place
from podium.db.engine import Database

Enrol = Callable[..., object]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state/podium/fleets.json"


def test_a_fleet_is_remembered_by_its_address_for_the_user_alone(file: Path) -> None:
    KnownFleets(file).saw("https://a.example.org", "f1")
    KnownFleets(file).saw("https://b.example.org", "f2")
    fleets = KnownFleets(file)
    found = [fleets.known(f"https://{name}.example.org") for name in "abc"]
    assert found == ["f1", "f2", None]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["fleets.json"]


def test_the_oldest_are_forgotten(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({f"https://{number}": "f" for number in range(1000)}))
    fleets = KnownFleets(file)
    fleets.saw("https://new", "f")
    assert fleets.known("https://0") is None
    assert (fleets.known("https://1"), fleets.known("https://new")) == ("f", "f")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"https://a": 5}', "[" * 100_000, "\udcff"])
def test_a_broken_file_is_as_good_as_none(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(text, errors="surrogateescape")
    fleets = KnownFleets(file)
    assert fleets.known("https://a") is None
    fleets.saw("https://a", "f1")
    assert fleets.known("https://a") == "f1"


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fleets = KnownFleets(tmp_path / "file/podium/fleets.json")
    fleets.saw("https://a", "f1")
    assert fleets.known("https://a") is None


def test_an_address_on_this_host_is_kept_with_its_name(file: Path) -> None:
    KnownFleets(file).saw("unix:/run/podium/api.sock", "f1")
    (key,) = json.loads(file.read_text())
    assert key.endswith(" unix:/run/podium/api.sock")


def test_the_place_is_the_users_own() -> None:
    assert place({"XDG_STATE_HOME": "/s"}) == Path("/s/podium/fleets.json")
    assert place({}) == Path("~/.local/state/podium/fleets.json").expanduser()


def test_another_fleet_behind_an_address_is_refused_before_anything_is_done(
    podium_there: There, database: Database, tmp_path: Path
) -> None:
    assert podium_there("node", "list").returncode == 0
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE change_counter SET fleet_id = 'another'")
    podium_there.restart()
    done = podium_there("token", "create", "--name", "x", "--role", "reader", "--expires", "1d")
    assert (done.returncode, done.stdout) == (1, "")
    assert "this is the fleet another, and not " in done.stderr
    assert done.stderr.endswith(
        f"podium asks there because of --url; if it is meant, remove the address from {place()}\n"
    )
    place().unlink()
    assert podium_there("token", "list", "-f", "json").stdout == "[]\n"
