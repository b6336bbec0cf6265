"""Where the keys are looked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from podium import conf, errors
from podium.conf.secrets import KeyFile, key_file

Load = Callable[..., conf.Config]


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def test_a_servers_database_has_no_keys_by_default(load: Load) -> None:
    assert key_file(load(), None) is None


def test_beside_an_sqlite_database_a_file_is_made(load: Load) -> None:
    assert key_file(load(), Path("/srv/p/podium.sqlite")) == KeyFile(Path("/srv/p/podium.keys"), made=True)


def test_a_credential_of_systemd_goes_before_that(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = load()
    assert key_file(config, None) is None
    (tmp_path / "podium.keys").touch()
    for database in (None, Path("/srv/p/podium.sqlite")):
        assert key_file(config, database) == KeyFile(tmp_path / "podium.keys")


def test_the_option_goes_before_everything(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "podium.keys").touch()
    config = load("[secrets]", "key_file = /keys/podium")
    assert key_file(config, Path("/srv/p/podium.sqlite")) == KeyFile(Path("/keys/podium"))


def test_a_path_that_depends_on_the_working_directory_is_refused(load: Load) -> None:
    with pytest.raises(errors.ConfigError, match="does not start with /"):
        load("[secrets]", "key_file = podium.keys")
