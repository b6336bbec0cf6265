"""JSON columns whose secrets are encrypted in the database and decrypted in Python.

Each database has a :class:`Sealing`, which determines the key. The columns find it by the dialect of the
connection, which is different for every engine.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from podium import errors
from podium.db.keyring import MARK, Keyring, names_in, sealed

#: Seconds for which the known keys in use are not checked again.
_TRUST: Final = 2.0


class Sealing:
    """Encrypts the secrets of a database; safe to use from several threads.

    :param keyring: the keys; may be replaced
    :param secret_names: returns the names that drivers declared as secret; called when something is encrypted
    :param source: the origin of the keys, for people
    """

    def __init__(
        self,
        keyring: Keyring,
        secret_names: Callable[[], frozenset[str]],
        source: str = "[secrets] key_file",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keyring = keyring
        self.source = source
        self.secret_names = secret_names
        self._clock = clock
        self._in_use: tuple[str, ...] = ()
        self._trusted_until = -float("inf")

    @property
    def writes_with(self) -> str | None:
        """The name of the key with which secrets are encrypted; None if they are not encrypted yet."""
        return next((name for name in self.keyring.names if name in self._in_use), None)

    @property
    def is_trusted(self) -> bool:
        """Whether the keys in use were checked lately; false while there are keys and none is in use."""
        return bool(self._in_use or not self.keyring.names) and self._clock() < self._trusted_until

    def note(self, in_use: Iterable[str]) -> None:
        """Note which keys are in use in the database."""
        self._in_use = tuple(in_use)
        self._trusted_until = self._clock() + _TRUST

    def lacking(self, in_use: Iterable[str]) -> str | None:
        """Return the error, for people, that a key in use is missing; None if all are there."""
        missing = [name for name in in_use if name not in self.keyring.names]
        if not missing:
            return None
        which = f"the key {missing[0]}" if len(missing) == 1 else f"the keys {', '.join(missing)}"
        return (
            f"secrets in the database are encrypted with {which}, not in {self.source}; "
            "put the key file back from its backup, or see: podium secret check"
        )

    def seal(self, document: Any) -> Any:
        """Return what is stored for a document.

        :raises podium.errors.SecretUnreadable: it has secrets, and a key that is in use is missing
        :raises podium.errors.BadRequest: nothing is encrypted yet, and a text looks as if it were encrypted
        """
        name = self.writes_with
        if isinstance(document, Prepared) and document.key == name and self.lacking(self._in_use) is None:
            return document.sealed
        if (fault := self.lacking(self._in_use)) is not None:
            return sealed(document, self.secret_names(), lambda _: _refuse(errors.SecretUnreadable(fault)))
        if name is None:
            _check_plain(document)
            return document
        return self.keyring.seal(document, self.secret_names(), name)

    def prepared(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a document that is encrypted before the transaction that writes it.

        If another key is in use by then, it is encrypted in the transaction.
        """
        name = self.writes_with
        if name is None or not document:
            return document
        found = Prepared(document)
        found.key, found.sealed = name, self.keyring.seal(document, self.secret_names(), name)
        return found


class Prepared(dict[str, Any]):
    """A document, and what is stored for it while a key is in use."""

    __slots__ = ("key", "sealed")
    key: str
    sealed: Any


def _refuse(error: errors.PodiumError) -> NoReturn:
    raise error


def _check_plain(document: Any) -> None:
    if isinstance(document, dict):
        for value in document.values():
            _check_plain(value)
    elif isinstance(document, list | tuple):
        for value in document:
            _check_plain(value)
    elif isinstance(document, str) and names_in(document):
        raise errors.BadRequest(f"a text has {MARK} in it and would be taken for an encrypted secret")


class Unreadable:
    """Replaces a document that cannot be decrypted: every access raises the error that explains why.

    :param error: the error
    :param partly: the document, decrypted as far as possible
    :param damaged: why the other entries cannot be decrypted, by their names
    """

    __slots__ = ("damaged", "error", "partly")

    def __init__(
        self, error: errors.SecretUnreadable, partly: Any = None, damaged: Mapping[str, str] | None = None
    ) -> None:
        self.error = error
        self.partly = partly
        self.damaged = damaged or {}

    def _raise(self, *_: object) -> NoReturn:
        raise errors.SecretUnreadable(str(self.error))

    __getitem__ = __iter__ = __len__ = __contains__ = get = items = keys = values = _raise
    __deepcopy__ = __copy__ = __bool__ = _raise


#: Databases without an entry have no keys to encrypt with: those that are being created or copied.
_SEALINGS: Final[WeakKeyDictionary[sa.Dialect, Sealing]] = WeakKeyDictionary()
_NO_KEYS: Final = Keyring()


def register(dialect: sa.Dialect, sealing: Sealing) -> None:
    """Make the columns of a database encrypt and decrypt."""
    _SEALINGS[dialect] = sealing


def secret_names(dialect: sa.Dialect) -> frozenset[str]:
    """Return the names that drivers declared as secret, as far as they are known for a database."""
    sealing = _SEALINGS.get(dialect)
    return frozenset() if sealing is None else sealing.secret_names()


def opened(dialect: sa.Dialect, document: Any) -> Any:
    """Return a decrypted copy of a document of a database, or an :class:`Unreadable`."""
    sealing = _SEALINGS.get(dialect)
    try:
        return (_NO_KEYS if sealing is None else sealing.keyring).open(document)
    except errors.SecretUnreadable as error:
        return _partly(dialect, document, error)


def _partly(dialect: sa.Dialect, document: Any, error: errors.SecretUnreadable) -> Unreadable:
    if isinstance(document, dict):
        found = {key: opened(dialect, value) for key, value in document.items()}
        damaged = {key: str(one.error) for key, one in found.items() if isinstance(one, Unreadable)}
        return Unreadable(error, {key: partly(one) for key, one in found.items()}, damaged)
    if isinstance(document, list):
        return Unreadable(error, [readable(dialect, value) for value in document])
    return Unreadable(error, document)


def partly(document: Any) -> Any:
    """Return a document, decrypted as far as possible, for uses that do not need the rest."""
    return document.partly if isinstance(document, Unreadable) else document


def faults(documents: Mapping[str, Any]) -> list[str]:
    """Return a line for each entry that cannot be decrypted, with the document, the entry and the reason."""
    return [
        f"{name}: {key}: {why}"
        for name, document in documents.items()
        if isinstance(document, Unreadable)
        for key, why in document.damaged.items()
    ]


def readable(dialect: sa.Dialect, document: Any) -> Any:
    """Return a copy of a document that is decrypted as far as possible.

    For display: secrets are masked before, so that hardly anything is left to decrypt.
    """
    return partly(opened(dialect, document))


class Sealed(sa.types.TypeDecorator[Any]):
    """JSON whose secrets are encrypted."""

    impl = sa.JSON
    cache_ok = True

    @property
    def python_type(self) -> type[dict[str, Any]]:
        return dict[str, Any]

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self.impl_instance.coerce_compared_value(op, value)

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        if isinstance(value, Unreadable):
            raise errors.SecretUnreadable(str(value.error))
        sealing = _SEALINGS.get(dialect)
        return value if sealing is None or not value else sealing.seal(value)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any]:
        parsed = self.impl_instance.result_processor(dialect, coltype)
        if parsed is None:  # PostgreSQL's driver has parsed it
            return lambda value: opened(dialect, value) if value else value

        def processed(text: Any) -> Any:
            value = parsed(text)
            # One check of the text instead of one for each value saves half a second for 100,000 nodes.
            return opened(dialect, value) if text is not None and MARK in text else value

        return processed


def as_sealed(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column whose documents stay encrypted."""
    return as_stored(column) if isinstance(column.type, Sealed) else column


def as_stored(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column without Podium's own types, as the database stores it: secrets stay encrypted."""
    kind = column.type
    return sa.type_coerce(column, kind.impl_instance) if isinstance(kind, sa.types.TypeDecorator) else column
