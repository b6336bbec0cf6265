"""What the answers to calls work with."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import sqlalchemy as sa

from podium import conf
from podium.client.calls.call import Call, answer_of
from podium.client.catalog import Catalog
from podium.db import kept_answers
from podium.db.engine import Database

T = TypeVar("T")
S = TypeVar("S")

_MOST_WARNED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The database, the drivers, and who asks.

    :param connect: returns the database; what needs none does not ask for it
    :param who: user and host, for the record
    :param warn: called with each warning that belongs to an answer
    :param pause: waits for so many seconds, and raises an error if there is no point in that any more
    :param key: of a call that may be sent again; None for one that is not
    """

    config: conf.Config
    connect: Callable[[], Database]
    catalog: Catalog
    who: str
    warn: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    key: str | None = None

    @property
    def database(self) -> Database:
        """The database.

        :raises podium.errors.PodiumError: it cannot be used
        """
        return self.connect()

    def write(self, call: Call[T], work: Callable[[sa.Connection], T]) -> T:
        """Return what ``work`` returns in a transaction that is then committed.

        It is tried again where others were in the way. A call with a key that was answered before gets the
        same answer, and nothing is done.

        :raises podium.errors.BadRequest: the key was used with another call
        """
        if self.key is None:
            return self.step(work)
        kept = kept_answers.Key(self.who, self.key)
        return self.step(
            lambda connection: kept_answers.once(connection, kept, call, answer_of(type(call)), work)
        )

    def step(self, work: Callable[[sa.Connection], S]) -> S:
        """Return what ``work`` returns in one of several transactions, tried again as by :meth:`write`."""
        return self.database.written(work)


def warn_of(backend: Backend, warnings: Sequence[str]) -> None:
    """Warn of the first of many, and say how many more there are."""
    for warning in warnings[:_MOST_WARNED]:
        backend.warn(f"warning: {warning}")
    if warnings[_MOST_WARNED:]:
        backend.warn(f"warning: and {len(warnings) - _MOST_WARNED} more")


#: What answers each call.
Answers: TypeAlias = Mapping[type[Call[Any]], Callable[[Backend, Any], Any]]
