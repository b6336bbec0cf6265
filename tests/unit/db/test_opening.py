"""Where the keys of a configured database come from, and what is done when they are missing."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from podium import conf, errors
from podium.db import api, opening, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring, new_key, write_new_file
from templates import write_sqlite

Configured = Callable[..., Database]

INFO: Final = {"ipmi_password": "calvin"}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> conf.Config:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "podium.conf"
    file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    return conf.load(["--config-file", str(file)], prog="podium-conductor")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "podium.keys"


@pytest.fixture
def configured(config: conf.Config, tmp_path: Path) -> Iterator[Configured]:
    """``configured()`` is a database of before, as the next program sees it."""
    found: list[Database] = []

    def make(needs_keys: bool = True) -> Database:
        if not (tmp_path / "podium.sqlite").exists():
            write_sqlite(tmp_path / "podium.sqlite")
        found.append(opening.configured(config, frozenset, needs_keys=needs_keys))
        return found[-1]

    yield make
    for one in found:
        one.dispose()


def enrol(database: Database, *names: str) -> None:
    with database.write() as connection:
        rows = [{"name": name, "driver": "fake", "driver_info": INFO} for name in names]
        api.create_nodes(connection, rows)


def test_a_daemon_makes_the_keys_of_an_sqlite_file_and_says_once_what_is_plain(
    configured: Configured, config: conf.Config, keys: Path
) -> None:
    database = configured()
    enrol(database, "n1", "n2")
    remark = opening.prepare_keys(config, database)
    (name,) = Keyring.from_file(keys).names
    assert remark == (
        f"Secrets in the database are encrypted from now on, with the key {name} of {keys}; back that"
        " file up, apart from the database: nobody can read them without it; what was written before"
        " (nodes: 2) stays as it is until it is written anew, or until: podium secret rotate"
    )
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert opening.prepare_keys(config, configured()) is None
    enrol(configured(), "n3")
    with Database(database.url).read() as connection:
        texts = connection.scalars(sa.text("SELECT driver_info FROM nodes ORDER BY name")).all()
    assert ["calvin" in text for text in texts] == [True, True, False]
    with configured().read() as connection:
        assert [one.driver_info for one in api.find_nodes(connection, ["n1", "n3"])] == [INFO, INFO]


def test_a_command_makes_no_keys(configured: Configured, config: conf.Config, keys: Path) -> None:
    assert opening.prepare_keys(config, configured(), make=False) is None
    assert not keys.exists()


def test_without_its_keys_nothing_works_on_a_database_and_none_are_made(
    configured: Configured, config: conf.Config, keys: Path
) -> None:
    opening.prepare_keys(config, configured())
    (name,) = Keyring.from_file(keys).names
    keys.unlink()
    without = configured()
    told = f"secrets in the database are encrypted with the key {name}, not in {keys}; put the key file back"
    with pytest.raises(errors.ConfigError, match=told), without.read() as connection:
        secret_keys.check(connection, without.sealing)
    with pytest.raises(errors.ConfigError, match=told):
        opening.prepare_keys(config, without)
    assert not keys.exists()
    write_new_file(keys)
    with pytest.raises(errors.ConfigError, match=told):
        opening.prepare_keys(config, configured())


def test_a_faulty_file_stops_all_but_those_who_need_no_keys(configured: Configured, keys: Path) -> None:
    keys.write_text("x")
    keys.chmod(0o600)
    with pytest.raises(errors.ConfigError, match="line 1 is no key"):
        configured()
    found = configured(needs_keys=False).sealing
    assert found is not None and found.keyring.names == ()


def test_keys_are_read_again_but_not_without_those_in_use(
    configured: Configured, config: conf.Config, keys: Path
) -> None:
    database = configured()
    opening.prepare_keys(config, database)
    assert database.sealing is not None
    assert not opening.reload_keys(config, database)
    before, text = database.sealing.keyring.names, keys.read_text()
    keys.write_text(new_key())
    with pytest.raises(errors.ConfigError, match=f"the key {before[0]}, not in"):
        opening.reload_keys(config, database)
    assert database.sealing.keyring.names == before
    keys.write_text(f"{text}\n{new_key()}")
    assert opening.reload_keys(config, database)
    assert database.sealing.keyring.names[:1] == before
    assert len(database.sealing.keyring.names) == 2


def test_where_no_key_file_can_be_made_the_error_says_so(
    configured: Configured, config: conf.Config, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening, "write_new_file", refuse)
    with pytest.raises(errors.ConfigError, match=f"cannot make the key file {keys} .*: Permission denied"):
        opening.prepare_keys(config, configured())
