"""The socket of the podium-api of a host, which podium finds without a configuration that it may read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from podium import conf, errors
from podium.conf import api, client, files
from podium.conf.database import database_url

Found = Callable[..., Path | None]


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the configuration of a host, on which nobody has a Podium of their own."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.setattr(files, "HOSTS", folder)
    monkeypatch.setattr(client, "HOSTS", folder)
    monkeypatch.setattr(files, "environment", lambda: None)
    monkeypatch.setattr(cfg, "find_config_files", lambda *_: [str(one) for one in folder.glob("*.conf")])
    monkeypatch.setattr(cfg, "find_config_dirs", lambda *_: [])
    monkeypatch.setenv("OS_DEFAULT__STATE_PATH", str(tmp_path))
    return folder


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``forbid(path, …)`` takes the right to read or enter these from the user, and to write everywhere."""

    def take(*paths: Path) -> None:
        names = [str(path) for path in paths]
        allowed = os.access

        def access(path: str | Path, mode: int) -> bool:
            return mode != os.W_OK and str(path) not in names and allowed(path, mode)

        monkeypatch.setattr(os, "access", access)

    return take


def read(*argv: str) -> client.Settings:
    return client.read(argv, prog="podium")


def test_whoever_may_not_read_the_hosts_configuration_has_the_socket_alone(
    hosts: Path, forbid: Callable[..., None]
) -> None:
    (hosts / "podium.conf").write_text("[api]\nunix_socket = /elsewhere\n")
    forbid(hosts / "podium.conf")
    its = read()
    assert (its.unix_socket, its.needs_socket) == (api.HOSTS_SOCKET, True)


def test_a_folder_that_may_not_be_entered_is_a_configuration_that_may_not_be_read(
    hosts: Path, forbid: Callable[..., None]
) -> None:
    forbid(hosts)
    assert read().needs_socket
    with pytest.raises(errors.ConfigError, match="this user may not read"):
        conf.files_read("podium-conductor")
    config = conf.load([], prog="podium")  # some commands need no database
    with pytest.raises(errors.ConfigError) as caught:
        database_url(config)
    assert str(caught.value) == (
        f"this user may not read config file {hosts}/podium.conf: run this as root, or start podium-api,"
        " which serves other users at /run/podium-api/podium.sock"
    )


def test_whoever_may_read_the_hosts_configuration_asks_at_its_socket(
    hosts: Path, forbid: Callable[..., None]
) -> None:
    forbid()
    (hosts / "podium.conf").write_text("[DEFAULT]\n")
    its = read()
    assert (its.unix_socket, its.needs_socket) == (api.HOSTS_SOCKET, False)
    (hosts / "podium.conf").write_text("[api]\nunix_socket = /elsewhere\n")
    assert read().unix_socket == Path("/elsewhere")


def test_whoever_names_a_configuration_does_not_mean_the_host(
    hosts: Path, forbid: Callable[..., None], tmp_path: Path
) -> None:
    forbid(hosts)
    (tmp_path / "own.conf").touch()
    its = read("--config-file", str(tmp_path / "own.conf"))
    assert (its.unix_socket, its.needs_socket) == (None, False)


@pytest.mark.parametrize("own", ["a virtual environment", "a database", "a variable"])
def test_whoever_has_a_podium_of_their_own_does_not_mean_the_host(
    own: str,
    hosts: Path,
    forbid: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    match own:
        case "a virtual environment":
            monkeypatch.setattr(os, "access", lambda path, _: path != hosts)
        case "a database":
            (tmp_path / "podium.sqlite").touch()
            forbid(hosts)
        case _:
            monkeypatch.setenv("OS_DATABASE__CONNECTION", "sqlite:///elsewhere")
            forbid(hosts)
    assert read().unix_socket is None
    database_url(conf.load([], prog="podium"))


def test_podium_api_listens_there_where_systemd_makes_the_folder_for_it(tmp_path: Path) -> None:
    (tmp_path / "podium.conf").touch()
    config = conf.load(["--config-file", str(tmp_path / "podium.conf")], prog="podium-api")
    assert api.unix_socket(config, {}) is None
    assert api.unix_socket(config, {"RUNTIME_DIRECTORY": "/run/ci"}) is None
    assert api.unix_socket(config, {"RUNTIME_DIRECTORY": "/run/ci:/run/podium-api"}) == api.HOSTS_SOCKET
    config.set_override("unix_socket", "/run/podium.sock", "api")
    assert api.unix_socket(config, {"RUNTIME_DIRECTORY": "/run/podium-api"}) == Path("/run/podium.sock")
