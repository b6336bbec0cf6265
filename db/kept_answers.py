"""Keeps answers to calls that may be sent again, so that a call that is sent twice is carried out once."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock
from podium.db.models import kept_answers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a client generated for one call; each user has separate keys.

    The database holds only a digest: the key may be half of a secret.

    :param who: the name of the user or token, wherever the call comes from
    """

    who: str
    text: str

    @property
    def digest(self) -> str:
        """The digest of the key in the database."""
        return hashlib.sha256(f"{self.who}\0{self.text}".encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """An answer with its warnings."""

    answer: T
    warnings: Sequence[str] = ()


def find(connection: sa.Connection, key: Key, call: object, answer: Any) -> Kept[Any] | None:
    """Return the answer to an earlier call with this key; None if there was none.

    :param call: the call; it is written as JSON with its type
    :param answer: the type of the answer
    :raises podium.errors.BadRequest: the key was used for something else
    """
    query = sa.select(kept_answers.c.digest, kept_answers.c.answer).where(*_its(key))
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    if found.digest != _digest(key, call):
        raise errors.BadRequest(f"the idempotency key {key.text} was used for another request")
    return Kept(msgspec.convert(found.answer["answer"], answer), found.answer["warnings"])


def once(
    connection: sa.Connection,
    key: Key,
    call: object,
    answer: Any,
    work: Callable[[sa.Connection], Kept[T]],
) -> Kept[T]:
    """Do something in this transaction unless it was done with this key before; return the answer.

    If two calls arrive at the same moment, the row is written first, so that the second waits for the first
    and is refused if it then finds no answer. The parameters are those of :func:`find`.

    :raises podium.errors.DatabaseBusy: the same call is being carried out by another transaction
    :raises podium.errors.BadRequest: the key was used for something else
    """
    if (kept := find(connection, key, call, answer)) is not None:
        return kept
    values = {"who": key.who[:255], "key": key.digest, "digest": _digest(key, call)}
    try:
        connection.execute(sa.insert(kept_answers).values(**values, kept_at=clock.now(connection), answer={}))
    except DBDuplicateEntry:
        raise errors.DatabaseBusy("the same request is being carried out") from None
    result = work(connection)
    row = {"answer": msgspec.to_builtins(result.answer), "warnings": list(result.warnings)}
    connection.execute(sa.update(kept_answers).where(*_its(key)).values(answer=row))
    return result


def _its(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return kept_answers.c.who == key.who[:255], kept_answers.c.key == key.digest


def _digest(key: Key, call: object) -> str:
    """Return a digest of a call: no secret in it can be guessed without the key, which is not kept."""
    text = type(call).__name__.encode() + msgspec.json.encode(call)
    return hmac.digest(key.text.encode("utf-8", "surrogateescape"), text, "sha256").hex()


def prune(connection: sa.Connection, before: datetime) -> int:
    """Delete the answers that were kept before a moment; return how many there were."""
    return connection.execute(sa.delete(kept_answers).where(kept_answers.c.kept_at < before)).rowcount
