"""A socket that was found by itself: whether a stranger could have put it there."""

import os
from pathlib import Path

import pytest

from podium import conf, errors
from podium.conf import api
from podium.conf.sockets import open_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """The file in the place of a socket, in a folder in which its owner alone may write."""
    folder = tmp_path / "run"
    folder.mkdir(0o755)
    (folder / "api.sock").touch()
    return folder / "api.sock"


def test_a_socket_in_a_folder_of_its_owner_is_nobody_elses(socket: Path) -> None:
    assert open_folder(socket) is None
    socket.parent.chmod(0o775)  # whoever is in the group was let in
    assert open_folder(socket) is None


@needs_root
def test_in_a_folder_of_another_user_that_user_is_trusted(socket: Path) -> None:
    os.chown(socket.parent, 4711, 4712)
    os.chown(socket, 4711, 4712)
    assert open_folder(socket) is None


def test_in_a_folder_where_everybody_may_write_it_can_be_replaced(socket: Path) -> None:
    socket.parent.chmod(0o777)
    assert open_folder(socket) == socket.parent


def test_in_a_folder_such_as_tmp_it_could_be_made_before_it_is_there(socket: Path) -> None:
    socket.parent.chmod(0o1777)
    assert open_folder(socket) == socket.parent


@needs_root
def test_below_a_folder_such_as_tmp_what_is_there_must_be_roots_or_ones_own(socket: Path) -> None:
    socket.parent.chmod(0o1777)
    below = socket.parent / "below"
    below.mkdir()
    assert open_folder(below / "api.sock") is None
    os.chown(below, 4711, 4712)
    assert open_folder(below / "api.sock") == socket.parent


@needs_root
def test_a_link_on_the_way_must_not_be_a_strangers(socket: Path, tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to(socket.parent)
    (tmp_path / "own").symlink_to(shared / "link")
    assert open_folder(shared / "link/api.sock") is None
    os.chown(shared / "link", 4711, 4712, follow_symlinks=False)
    assert open_folder(shared / "link/api.sock") == shared
    assert open_folder(tmp_path / "own/api.sock") == shared
    (shared / "loop").symlink_to(shared / "loop")
    assert open_folder(shared / "loop/api.sock") is None, "it cannot be reached"


def test_podium_api_refuses_a_folder_where_anybody_could_replace_its_socket(socket: Path) -> None:
    (socket.parent / "podium.conf").write_text(f"[api]\nunix_socket = {socket}\n")
    config = conf.load(["--config-file", str(socket.parent / "podium.conf")], prog="podium-api")
    api.check(config)
    socket.parent.chmod(0o1777)
    with pytest.raises(errors.ConfigError) as caught:
        api.check(config)
    assert str(caught.value) == (
        f"[api] unix_socket = {socket}: every user may write in {socket.parent}, and could answer in its"
        " place; name a path in a folder of podium-api's user, such as /run/podium-api/podium.sock"
    )
