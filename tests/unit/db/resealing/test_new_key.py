"""A new key is written into a key file, or the file stays as it was."""

import fcntl
import os
from pathlib import Path

import pytest

from podium import errors
from podium.db.keyring import Keyring, new_key
from podium.db.resealing.new_key import add_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "podium.keys"
    file.touch(0o640)
    file.write_text(f"# ours\n\n{new_key()}\n# the one before\n{new_key()}")
    file.chmod(0o640)
    return file


def test_the_new_key_is_the_first_and_all_else_stays(file: Path) -> None:
    before = file.read_text()
    names = Keyring.from_file(file).names
    name = add_key(file)
    assert Keyring.from_file(file).names == (name, *names)
    head, _, tail = file.read_text().partition("\n\n")
    key, _, rest = tail.partition("\n")
    assert f"{head}\n\n{rest}" == before
    assert len(key) == 44
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_mode_and_owner_stay_and_so_does_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "keys"
    link.symlink_to(file)
    owner = (os.geteuid(), os.getegid())
    if os.geteuid() == 0:
        owner = (12345, 23456)
        os.chown(tmp_path, *owner)
        os.chown(file, *owner)
    add_key(link)
    found = file.stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o640, *owner)
    assert link.is_symlink()


def test_a_link_that_leads_nowhere_is_named_with_what_it_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(errors.ConfigError, match=f"{link} is a link to {tmp_path}/gone, which is not there"):
        add_key(link)
    assert not (tmp_path / "gone").exists()


def test_the_mark_of_a_byte_order_is_left_out(file: Path) -> None:
    file.write_text(f"\ufeff{new_key()}\n")
    names = Keyring.from_file(file).names
    name = add_key(file)
    assert Keyring.from_file(file).names == (name, *names)


def test_a_file_that_cannot_be_used_stays_as_it_is(file: Path) -> None:
    file.write_text("what\n")
    with pytest.raises(errors.ConfigError, match="line 1 is no key"):
        add_key(file)
    assert file.read_text() == "what\n"


def test_two_at_a_time_do_not_lose_a_key(file: Path) -> None:
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    before = file.read_text()
    with pytest.raises(errors.ConfigError, match="another command writes it just now"):
        add_key(file)
    os.close(folder)
    assert file.read_text() == before
    assert {add_key(file), add_key(file)} < {*Keyring.from_file(file).names}
