"""Which parts of a document are encrypted anew, and which stay."""

import json
from typing import Any

import pytest

from podium import errors
from podium.db.keyring import Keyring, key_name
from podium.db.resealing.documents import Secrets, sealed_anew

OLD, NEW = b"o" * 32, b"n" * 32
BOTH = Keyring([NEW, OLD])
SECRETS = Secrets({"pin"})


def old(document: Any) -> str:
    return json.dumps(BOTH.seal(document, {"pin"}, key_name(OLD)))


def anew(text: str) -> str:
    return sealed_anew(text, SECRETS, BOTH, key_name(NEW))


DOCUMENTS = [
    {},
    {"ipmi_address": "192.0.2.1", "ipmi_password": "hunter2", "ipmi_port": 623},
    {
        "pin": 1234,
        "password": ["a", {"b": None}],
        "secret": {"token": "x"},
        "empty_password": "",
        "key": None,
    },
    {"url": "https://user:hunter2@host/path", "urls": ["redis://:hunter2@host", "https://host"]},
    {"note": "fernet!what", "deep": {"er": [{"community": "public"}]}},
    {"note": BOTH.encrypt("hunter2", key_name(OLD))},
    {"name": "Zürich \\ \U0001f50c", "rack": 1.0},
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_all_is_encrypted_with_the_new_key_whatever_it_was_before(document: dict[str, Any]) -> None:
    alone = Keyring([NEW])
    for text in (json.dumps(document), old(document)) if "fernet!" not in str(document) else (old(document),):
        found = json.loads(anew(text))
        assert alone.open(found) == document
        assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_encrypted_with_the_key_already_stays_to_the_letter(document: dict[str, Any]) -> None:
    text = anew(old(document))
    assert anew(text) is text


def test_a_secret_by_the_word_of_a_driver_that_is_not_installed_here_stays_one() -> None:
    text = sealed_anew(old({"pin": "1234"}), Secrets(()), BOTH, key_name(NEW))
    assert "1234" not in text
    assert BOTH.open(json.loads(text)) == {"pin": "1234"}


def test_what_is_in_plain_text_beside_what_is_encrypted_is_found() -> None:
    text = json.dumps({"a": {"password": "hunter2"}, **json.loads(old({"password": "hunter2"}))})
    assert "hunter2" not in anew(text)


def test_a_value_without_its_key_is_no_reason_to_write_anything() -> None:
    with pytest.raises(errors.SecretUnreadable, match=key_name(b"x" * 32)):
        anew(json.dumps(Keyring([b"x" * 32]).seal({"password": "hunter2"}, (), key_name(b"x" * 32))))
