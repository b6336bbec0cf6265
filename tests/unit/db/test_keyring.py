"""What is encrypted in a document, what becomes of it again, and what a key file must be."""

import base64
import os
import stat
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors, masking
from podium.db import keyring
from podium.db.keyring import Keyring

ONE: Final = bytes(range(32))
OTHER: Final = bytes(range(1, 33))
RING: Final = Keyring([ONE, OTHER])
FIRST, SECOND = RING.names


def line(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "podium.keys"


def test_a_key_is_known_by_the_digest_of_its_bytes(path: Path) -> None:
    written(path, f"# made in May\n\n  {line(OTHER)}  \r\n{line(ONE)}\n")
    assert Keyring.from_file(path).names == (SECOND, FIRST)
    assert FIRST == "630dcd2966c4"


@pytest.mark.parametrize(
    "value", ["calvin", "", "ü", 7, 0, False, 1.5, ["a", {"b": None}], {"x": "y"}, "fernet!x"]
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    text = RING.encrypt(value, SECOND)
    assert text.startswith(f"fernet!{SECOND}!")
    assert keyring.names_in(text) == {SECOND}
    again = RING.decrypt(text)
    assert (again, type(again)) == (value, type(value))


DOCUMENT: Final = {
    "ipmi_address": "10.0.0.1",
    "ipmi_password": "calvin",
    "api_key": {"id": 7, "parts": [1, 2]},
    "token": 5,
    "password": None,
    "secret": "",
    "pin": "1234",
    "hosts": [{"adminPass": "x"}, "https://root:calvin@10.0.0.2/a and http://b@c", 5, None, True],
    "note": "looks like fernet! text",
}


def test_secrets_are_encrypted_and_nothing_else() -> None:
    sealed = RING.seal(DOCUMENT, {"pin"}, FIRST)
    for name in ("ipmi_password", "api_key", "token", "pin", "note"):
        assert keyring.names_in(sealed[name]) == {FIRST}, name
    for name in ("ipmi_address", "password", "secret"):
        assert sealed[name] == DOCUMENT[name]
    hosts = sealed["hosts"]
    assert hosts[0]["adminPass"].startswith("fernet!")
    assert hosts[1].startswith("https://root:fernet!")
    assert hosts[1].endswith("@10.0.0.2/a and http://b@c")
    assert hosts[2:] == [5, None, True]
    assert "calvin" not in str(sealed)


def test_a_document_is_opened_as_it_was_sealed() -> None:
    assert RING.open(RING.seal(DOCUMENT, {"pin"}, SECOND)) == DOCUMENT


def test_what_was_written_before_there_were_keys_is_read_as_it_is() -> None:
    assert RING.open(DOCUMENT) == DOCUMENT
    assert RING.open({"password": "fernet!", "note": "fernet!abc!def"}) == {
        "password": "fernet!",
        "note": "fernet!abc!def",
    }


def test_a_sealed_document_is_masked_as_the_open_one() -> None:
    plain = {**DOCUMENT, "note": "nothing"}
    assert masking.mask(RING.seal(plain, {"pin"}, FIRST), frozenset({"pin"})) == masking.mask(
        plain, frozenset({"pin"})
    )


def test_what_was_sealed_already_is_sealed_once_more_and_comes_back_sealed() -> None:
    once = RING.seal(DOCUMENT, {"pin"}, FIRST)
    twice = RING.seal(once, {"pin"}, SECOND)
    assert RING.open(twice) == once


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["fernet!", f"fernet!{FIRST}!abc", "http://a:b@c", f"http://a:fernet!{FIRST}!x@c"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["a", "password", "key", "b"]) | st.text(), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_document_is_opened_as_it_was_sealed(document: Any) -> None:
    assert RING.open(RING.seal(document, {"b"}, FIRST)) == document


def test_a_value_whose_key_is_missing_names_it() -> None:
    sealed = RING.seal({"password": "calvin"}, (), SECOND)
    with pytest.raises(errors.SecretUnreadable, match=f"the key {SECOND}, which is not in the key file"):
        Keyring([ONE]).open(sealed)
    with pytest.raises(errors.SecretUnreadable, match=SECOND):
        Keyring().open(sealed)


@pytest.mark.parametrize("change", [lambda text: text[:-8], lambda text: text[:20], lambda text: text + "%"])
def test_a_damaged_value_is_not_taken_for_a_secret(change: Any) -> None:
    with pytest.raises(errors.SecretUnreadable, match="damaged"):
        RING.open({"password": change(RING.encrypt("calvin", FIRST))})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "it has no key"),
        ("# none\n", "it has no key"),
        (f"{line(ONE)}\nhunter2\n", "line 2 is no key"),
        (f"{line(ONE)[:-4]}\n", "line 1 is no key"),
        (f"{line(ONE)} # mine\n", "line 1 is no key"),
        (f"{line(ONE)}\n#\n{line(ONE)}\n", "line 3 is the key of line 1: delete one of them"),
        ("#" * 70_000, "it is larger than 65536 bytes"),
    ],
)
def test_a_faulty_file_is_refused_without_what_is_in_it(path: Path, text: str, fault: str) -> None:
    written(path, text)
    with pytest.raises(errors.ConfigError) as caught:
        Keyring.from_file(path)
    told = str(caught.value)
    assert told.startswith(f"[secrets] key_file = {path} cannot be used: ")
    assert fault in told
    assert "hunter2" not in told
    assert line(ONE)[:20] not in told


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read_or_its_group_change_is_refused(path: Path, mode: int) -> None:
    written(path, line(ONE), mode)
    with pytest.raises(errors.ConfigError, match=f"its mode {mode:04o} .*: chmod 0600 {path}"):
        Keyring.from_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_group_may_share_a_file(path: Path, mode: int) -> None:
    assert Keyring.from_file(written(path, line(ONE), mode)).names == (FIRST,)


def test_what_is_no_file_is_refused_at_once(path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="it does not exist: put it back"):
        Keyring.from_file(path)
    os.mkfifo(path, 0o600)
    with pytest.raises(errors.ConfigError, match="it is not a file"):
        Keyring.from_file(path)
    with pytest.raises(errors.ConfigError, match="it is not a file|it cannot be read: Is a directory"):
        Keyring.from_file(path.parent)


def test_a_new_file_has_one_key_for_its_owner_alone(path: Path) -> None:
    keyring.write_new_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(Keyring.from_file(path).names) == 1
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_never_replaces_another(path: Path) -> None:
    written(path, "mine")
    with pytest.raises(FileExistsError):
        keyring.write_new_file(path)
    assert path.read_text() == "mine"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_an_error_of_the_system(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keyring.write_new_file(path.parent / "none" / path.name)


def test_a_file_of_somebody_else_is_refused_unless_the_folder_is_theirs_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, f"{line(ONE)}\n")
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert Keyring.from_file(path).names == (FIRST,)
    if owner == 0:
        os.chown(path, 4321, -1)
        with pytest.raises(errors.ConfigError, match=f"it belongs to the user 4321, .* chown root {path}"):
            Keyring.from_file(path)
        os.chown(tmp_path, 4321, -1)
        assert Keyring.from_file(path).names == (FIRST,)


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_key(path: Path) -> None:
    assert Keyring.from_file(written(path, f"\ufeff{line(ONE)}\n")).names == (FIRST,)
