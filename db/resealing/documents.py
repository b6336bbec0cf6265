"""Finds the secrets of a JSON document, encrypted or not, and replaces them."""

import json
from collections.abc import Callable, Collection
from typing import Any

from podium import masking
from podium.db.keyring import MARK, Keyring, key_of


class Secrets:
    """What counts as a secret in documents.

    :param names: names that drivers declared as secret
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def replaced(self, document: Any, sealed: Callable[[str, str], Any], plain: Callable[[Any], Any]) -> Any:
        """Return a copy of a document in which each secret is replaced.

        :param sealed: called with an encrypted text and the name of its key
        :param plain: called with a value that is not encrypted and should be
        """
        if isinstance(document, dict):
            return {
                key: plain(value)
                if self._hides(key) and value not in (None, "", masking.MASK) and key_of(value) is None
                else self.replaced(value, sealed, plain)
                for key, value in document.items()
            }
        if isinstance(document, list):
            return [self.replaced(one, sealed, plain) for one in document]
        if not isinstance(document, str):
            return document
        if (key := key_of(document)) is not None:
            return sealed(document, key)

        def inside(password: str) -> str:
            if password == masking.MASK:  # the secret is lost
                return password
            key = key_of(password)
            return str(plain(password) if key is None else sealed(password, key))

        if MARK in masking.in_addresses(document, lambda word: "" if key_of(word) else word):
            return plain(document)  # only looks as if it were encrypted
        return masking.in_addresses(document, inside)

    def _hides(self, name: str) -> bool:
        return name in self._names or masking.is_secret(name)

    def may_be_in(self, text: str) -> bool:
        """Return whether a JSON text may contain a secret; True in case of doubt."""
        return MARK in text or masking.may_hide(text, frozenset(self._names))


def sealed_anew(text: str, secrets: Secrets, keyring: Keyring, name: str) -> str:
    """Return a JSON text with every secret encrypted with one key; the same text if that is already so.

    A value that is encrypted with another key is a secret, even if its name is not known as secret here.

    :param name: of the key
    :raises podium.errors.SecretUnreadable: something cannot be decrypted, with whichever key
    """
    if not secrets.may_be_in(text):
        return text

    def anew(token: str, key: str) -> str:
        value = keyring.decrypt(token)
        return token if key == name else keyring.encrypt(value, name)

    before = json.loads(text)
    after = secrets.replaced(
        before,
        anew,
        lambda value: keyring.encrypt(keyring.open(value), name),
    )
    return text if after == before else json.dumps(after)
