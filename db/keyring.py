"""Encrypts secrets inside JSON documents with the keys of a file.

An encrypted value is a text: ``fernet!``, the name of its key, ``!``, and a Fernet token whose content is the
value as JSON. A document keeps its structure and its names, so that masking it needs no key.
"""

import base64
import binascii
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podium import errors, masking
from podium.db import local_files

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

#: The prefix of each encrypted value.
MARK: Final = "fernet!"
_SEALED: Final = re.compile(r"fernet!([0-9a-f]{12})!([\w=-]*)", re.ASCII)
_KEY: Final = re.compile(r"[\w-]{43}=", re.ASCII)
#: The greatest size of a key file, in bytes.
_LARGEST: Final = 65_536
#: Permission bits that a key file must not have: the group may read it, others have no access.
_TOO_WIDE: Final = 0o037

_HEAD: Final = """\
# Keys with which podium encrypts the secrets in its database: the first encrypts, all of them decrypt.
# Without them the secrets are lost. Keep a copy, and not beside the backups of the database.
"""


class Keyring:
    """Keys, by name; the name is the first 12 hexadecimal digits of the key's SHA-256.

    :param keys: of 32 bytes each; the first is preferred
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {key_name(key): key for key in keys}
        self._fernets: dict[str, Fernet] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, in order."""
        return tuple(self._keys)

    def joined(self, other: "Keyring") -> "Keyring":
        """Return these keys, followed by those of another keyring that are not among them."""
        return Keyring(tuple({**self._keys, **other._keys}.values()))

    @classmethod
    def from_file(cls, path: Path) -> "Keyring":
        """Return the keys of a file: one on each line, as ``Fernet.generate_key`` makes them, or a # comment.

        :raises podium.errors.ConfigError: it cannot be used; the text names file, line and remedy, and no key
        """
        keys: dict[bytes, int] = {}
        for number, line in enumerate(_read(path).split("\n"), 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            key = _key(line)
            if key is None:
                raise _unusable(
                    path, f"line {number} is no key: 32 bytes in URL-safe base64, or a comment after #"
                )
            if key in keys:
                raise _unusable(path, f"line {number} is the key of line {keys[key]}: delete one of them")
            keys[key] = number
        if not keys:
            raise _unusable(
                path,
                "it has no key: put the key file of this database back from its backup, or, if nothing is "
                "encrypted yet, delete it and make one with: podium secret new-key",
            )
        return cls(tuple(keys))

    def encrypt(self, value: Any, name: str) -> str:
        """Return the text that stands for a value of JSON.

        :param name: of the key
        """
        token: bytes = self._fernet(name).encrypt(json.dumps(value).encode())
        return f"{MARK}{name}!{token.decode()}"

    def decrypt(self, text: str) -> Any:
        """Return the value that an encrypted text stands for.

        :raises podium.errors.SecretUnreadable: its key is missing, or the text was altered
        """
        found = _SEALED.fullmatch(text)
        if found is None:
            raise errors.SecretUnreadable("an encrypted value is damaged: it is not in the form of one")
        name, token = found.groups()
        if name not in self._keys:
            raise errors.SecretUnreadable(
                f"a value is encrypted with the key {name}, which is not in the key file: add it there"
            )
        from cryptography.fernet import InvalidToken  # importing it takes longer than most commands

        try:
            return json.loads(self._fernet(name).decrypt(token))
        except (InvalidToken, ValueError):
            raise errors.SecretUnreadable(
                f"a value that was encrypted with the key {name} is damaged: set it anew"
            ) from None

    def seal(self, document: Any, secret_names: Collection[str], name: str) -> Any:
        """Return a copy of a document in which secrets are encrypted: values by name, passwords in addresses.

        A text that looks like an encrypted value is encrypted too, so that :meth:`open` returns it unchanged.

        :param secret_names: names that drivers declared as secret
        :param name: of the key
        """
        return sealed(document, secret_names, lambda value: self.encrypt(value, name))

    def open(self, document: Any) -> Any:
        """Return a copy of a document in which everything that :meth:`seal` encrypted is decrypted.

        :raises podium.errors.SecretUnreadable: something cannot be decrypted
        """
        if isinstance(document, dict):
            return {key: self.open(value) for key, value in document.items()}
        if isinstance(document, list):
            return [self.open(one) for one in document]
        if not isinstance(document, str) or MARK not in document:
            return document
        if _SEALED.match(document):
            return self.decrypt(document)
        return masking.in_addresses(document, self._opened)

    def _opened(self, password: str) -> str:
        return str(self.decrypt(password)) if _SEALED.match(password) else password

    def _fernet(self, name: str) -> "Fernet":
        if name not in self._fernets:
            from cryptography.fernet import Fernet

            self._fernets[name] = Fernet(base64.urlsafe_b64encode(self._keys[name]))
        return self._fernets[name]


def sealed(document: Any, secret_names: Collection[str], encrypt: Callable[[Any], str]) -> Any:
    """Return a copy of a document in which a function has encrypted what :meth:`Keyring.seal` encrypts.

    The placeholder of a lost secret stays as it is, so that it can be found.
    """
    if isinstance(document, Mapping):
        return {
            key: encrypt(value)
            if value not in (None, "", masking.MASK) and (key in secret_names or masking.is_secret(str(key)))
            else sealed(value, secret_names, encrypt)
            for key, value in document.items()
        }
    if isinstance(document, list | tuple):
        return [sealed(one, secret_names, encrypt) for one in document]
    if not isinstance(document, str):
        return document
    if MARK in document:
        return encrypt(document)
    return masking.in_addresses(document, lambda word: word if word == masking.MASK else encrypt(word))


def key_name(key: bytes) -> str:
    """Return the name of a key of 32 bytes."""
    return hashlib.sha256(key).hexdigest()[:12]


def key_of(value: Any) -> str | None:
    """Return the name of the key of an encrypted value; None for any other value."""
    found = _SEALED.match(value) if isinstance(value, str) else None
    return None if found is None else found[1]


def names_in(text: str) -> set[str]:
    """Return the names of the keys with which parts of a text, such as JSON, are encrypted."""
    return {name for name, _ in _SEALED.findall(text)} if MARK in text else set()


def new_key() -> str:
    """Return a new key as a line of a key file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def write_new_file(path: Path) -> None:
    """Write a key file with one new key, readable by its owner alone. It is written completely or not at all.

    :raises FileExistsError: the path already exists; it is left unchanged
    :raises OSError: it cannot be written
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(local_files.create(new), "w") as file:
            file.write(f"{_HEAD}{new_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)  # unlike a rename this never replaces a file
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> str:
    try:
        # Without O_NONBLOCK a named pipe would block.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _check(path, os.fstat(file.fileno()))
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _unusable(
            path,
            "it does not exist: put it back from its backup, or, if nothing is encrypted yet, make it with: "
            "podium secret new-key",
        ) from None
    except PermissionError:
        raise _unusable(path, "this user may not read it: change its owner, or its group and mode") from None
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise _unusable(path, f"it is larger than {_LARGEST} bytes")
    return content.decode("utf-8-sig", errors="replace")  # editors on other systems write a byte order mark


def _check(path: Path, found: os.stat_result) -> None:
    """Refuse a key file that others may read, or could have written.

    :raises podium.errors.ConfigError: with the remedy
    """
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(path, "it is not a file")
    # The owner of the folder could have put any file there.
    if found.st_uid not in (0, os.geteuid(), path.parent.stat().st_uid):
        raise _unusable(
            path,
            f"it belongs to the user {found.st_uid}, who could have written it: chown root {path}, "
            "and let its group be that of the daemons, with mode 0640",
        )
    if found.st_mode & _TOO_WIDE:
        raise _unusable(
            path,
            f"its mode {stat.S_IMODE(found.st_mode):04o} lets others read it: chmod 0600 {path}, "
            "or 0640 for a group that shares it",
        )


def _key(line: str) -> bytes | None:
    if _KEY.fullmatch(line) is None:
        return None
    try:
        return base64.urlsafe_b64decode(line)
    except binascii.Error:
        return None


def _unusable(path: Path, why: str) -> errors.ConfigError:
    return errors.ConfigError(f"[secrets] key_file = {path} cannot be used: {why}")
