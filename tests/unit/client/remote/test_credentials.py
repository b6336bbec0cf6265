import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from podium import client, errors
from podium.client.remote.credentials import Credentials
from podium.client.remote.server import Server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "credentials"
    found.touch(0o600)
    return found


def header(credentials: Credentials) -> str:
    request = next(credentials.auth().auth_flow(httpx.Request("GET", "https://a")))
    return request.headers["Authorization"]


def test_the_first_line_is_a_user_or_a_token(file: Path) -> None:
    file.write_text("alice:pass:word\nmore\n")
    assert header(Credentials.read(file)) == "Basic YWxpY2U6cGFzczp3b3Jk"
    file.write_text("podium_abc\n")
    assert header(Credentials.read(file)) == "Bearer podium_abc"


def test_neither_is_shown(file: Path) -> None:
    file.write_text("alice:hunter2\n")
    assert "hunter2" not in repr(Credentials.read(file))


@pytest.mark.parametrize("text", ["", "\n", "alice\n", ":secret\n", "alice:\n", "\ufeff\n"])
def test_anything_else_is_refused_without_being_quoted(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(errors.ConfigError, match="neither USER:PASSWORD nor a token") as raised:
        Credentials.read(file)
    assert "alice" not in str(raised.value)


def test_what_is_no_text_or_not_there_is_named(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(errors.ConfigError, match="is not UTF-8 text"):
        Credentials.read(file)
    with pytest.raises(errors.ConfigError, match="No such file or directory"):
        Credentials.read(tmp_path / "missing")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(errors.ConfigError, match="is not a regular file"):
        Credentials.read(tmp_path / "pipe")


def test_the_file_behind_a_link_is_what_is_looked_at(file: Path, tmp_path: Path) -> None:
    file.write_text("alice:secret\n")
    (tmp_path / "link").symlink_to(file)
    assert Credentials.read(tmp_path / "link").user == "alice"
    file.chmod(0o644)
    with pytest.raises(errors.ConfigError, match="has the mode 644"):
        Credentials.read(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_file_is_refused(file: Path) -> None:
    file.write_text("alice:secret\n")
    os.chown(file, 65534, -1)
    with pytest.raises(errors.ConfigError, match="belongs to the user 65534"):
        Credentials.read(file)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:6385", "http://[::1]", "http://localhost", "https://a.example"]
)
def test_credentials_may_travel_over_tls_and_on_this_host(url: str) -> None:
    assert Server(url=url, credentials=Credentials("alice", "secret")).where == url


@pytest.mark.parametrize("url", ["http://a.example", "http://10.0.0.1", "http://localhost.example"])
def test_credentials_may_not_travel_where_others_can_read_them(url: str) -> None:
    with pytest.raises(errors.ConfigError, match="use https://"):
        Server(url=url, credentials=Credentials("alice", "secret"))
    assert Server(url=url).where == url


@pytest.mark.parametrize(
    "url", ["ftp://a", "https://", "https://a?b", "https://a:hunter2@b", "unix:relative"]
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(errors.ConfigError) as raised:
        Server(url=url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("connect", [client.connect, client.connect_async])
def test_the_database_asks_for_no_login_so_that_one_is_refused(
    connect: Callable[..., object], tmp_path: Path
) -> None:
    with pytest.raises(errors.ConfigError, match="^credentials are for a podium-api"):
        connect(credentials=tmp_path / "token")
