"""Answers to calls that may be sent again, so that what was sent twice is done once."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors
from podium.db import clock
from podium.db.models import kept_answers

T = TypeVar("T")


class Key(NamedTuple):
    """What a client made up for one call: a key of its own for everybody."""

    who: str
    key: str


def once(
    connection: sa.Connection, key: Key, call: object, answer: Any, work: Callable[[sa.Connection], T]
) -> T:
    """Do something in this transaction, unless it was done with this key before; return the answer.

    Two at the same moment: the row is written first, so that the second waits for the first, and one that
    finds no answer then is refused.

    :param call: what was asked; it is written as JSON with its type
    :param answer: the type of the answer
    :raises podium.errors.DatabaseBusy: the same call is being carried out by another transaction
    :raises podium.errors.BadRequest: the key was used for something else
    """
    digest = hashlib.sha256(type(call).__name__.encode() + msgspec.json.encode(call)).hexdigest()
    mine = kept_answers.c.who == key.who, kept_answers.c.key == key.key
    found = connection.execute(
        sa.select(kept_answers.c.digest, kept_answers.c.answer).where(*mine)
    ).one_or_none()
    if found is not None:
        if found.digest != digest:
            raise errors.BadRequest(f"the idempotency key {key.key} was used for another request")
        kept: T = msgspec.convert(found.answer, answer)
        return kept
    values = {"who": key.who, "key": key.key, "digest": digest, "kept_at": clock.now(connection)}
    try:
        connection.execute(sa.insert(kept_answers).values(**values, answer={}))
    except DBDuplicateEntry:
        raise errors.DatabaseBusy("the same request is being carried out") from None
    result = work(connection)
    connection.execute(sa.update(kept_answers).where(*mine).values(answer=msgspec.to_builtins(result)))
    return result


def prune(connection: sa.Connection, before: datetime) -> int:
    """Delete the answers that were kept before a moment; return how many there were."""
    return connection.execute(sa.delete(kept_answers).where(kept_answers.c.kept_at < before)).rowcount
