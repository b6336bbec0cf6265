"""Counts the values encrypted with each key and those not encrypted. Needs no key, and shows no value."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from podium.db.engine import Database
from podium.db.models import members, secret_keys
from podium.db.resealing.documents import Secrets
from podium.db.resealing.places import Place, Report, Rows, look_through
from podium.db.worker import Worker


class Tally(NamedTuple):
    """The values encrypted with a key, or with none.

    :param key: its name; None for values that are not encrypted
    :param since: when it came into use; None if the database does not record it
    :param counts: how many values, by table; tables without any are left out
    """

    key: str | None
    since: datetime | None
    counts: Mapping[str, int]


def tally(database: Database, secrets: Secrets, report: Report) -> list[Tally]:
    """Return the keys that are in use, the oldest first, and the unencrypted values, if there are any."""
    counts: dict[str | None, Counter[str]] = {}

    def count(place: Place, rows: Rows) -> int:
        for text in (text for _, texts in rows for text in texts.values() if text):
            for key in _keys(text, secrets):
                counts.setdefault(key, Counter())[place.table.name] += 1
        return 0

    look_through(database, report, count)
    with database.read() as connection:
        since = {row.name: row.since for row in connection.execute(sa.select(secret_keys))}
    oldest = sorted(since, key=lambda key: (since[key], key))
    unknown = sorted(key for key in counts if key is not None and key not in since)
    plain = [None] if None in counts else []
    return [Tally(key, since.get(key or ""), counts.get(key, {})) for key in (*oldest, *unknown, *plain)]


def _keys(text: str, secrets: Secrets) -> Iterator[str | None]:
    """Yield the name of the key of each secret of a JSON text; None for an unencrypted secret."""
    found: list[str | None] = []
    if secrets.may_be_in(text):
        secrets.replaced(json.loads(text), lambda _, key: found.append(key), lambda _: found.append(None))
    return iter(found)


def holders(connection: sa.Connection) -> Mapping[Worker, Sequence[str] | None]:
    """The living members with the names of the keys that each holds; None for a version without keys."""
    its = sa.select(members.c.host, members.c.worker, members.c.id, members.c.secret_keys)
    rows = connection.execute(its.where(members.c.ended_at.is_(None)).order_by(members.c.id))
    return {Worker(row.host, row.worker, row.id): row.secret_keys for row in rows}
