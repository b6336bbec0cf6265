"""Nodes as JSON texts. Most nodes are as they were when they were last asked for; their texts are reused."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium import masking
from podium.api.ironic.links import pair
from podium.api.ironic.node_fields import NODE_FIELDS
from podium.client.catalog import Catalog
from podium.db.fleet import known_health
from podium.db.node_pages import CONDUCTOR, JSON, PLAIN

#: Bytes of the texts that a process keeps.
MOST_BYTES: Final = 48 * 1024 * 1024
_COLUMNS: Final = (*PLAIN, *JSON, CONDUCTOR)
_PARTS: Final = (("ports", 1), ("states", 14), ("portgroups", 24), ("volume", 32))

Form = tuple[str, int, tuple[str, ...], bool]


def form(server: str, minor: int, names: Sequence[str], *, whole: bool) -> Form:
    """Return what a text depends on besides its node.

    :param server: the address in its links
    :param whole: whether it has links to the parts of the node too
    """
    return server, minor, tuple(names), whole


class Renderer:
    """Makes the texts of nodes, in any thread."""

    def __init__(self, catalog: Catalog, most: int = MOST_BYTES) -> None:
        self._catalog = catalog
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple[int, Form], tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def texts(self, rows: Iterable[sa.Row[Any]], form: Form, now: datetime) -> list[bytes]:
        """Return the text of each node.

        :param rows: of :mod:`podium.db.node_pages`
        :param now: by the database's clock: an outdated health is not shown
        """
        return [self._text(row, form, now) for row in rows]

    def _text(self, row: sa.Row[Any], form: Form, now: datetime) -> bytes:
        health = row.health
        if health is not None:
            health = known_health(health, row.health_checked_at, row.health_lasts, now)
        status = None if health is None else health.get("status")
        seen = hash((row[:_HEALTH], row[_HEALTH + 3 :], status))
        key = (row.id, form)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == seen:
                self._kept.move_to_end(key)
                return kept[1]
        made = self._make(row, form, health)
        with self._lock:
            self._put(key, (seen, made))
        return made

    def _put(self, key: tuple[int, Form], entry: tuple[int, bytes]) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._size -= len(old[1])
        self._kept[key] = entry
        self._size += len(entry[1])
        while self._size > self._most and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1][1])

    def _make(self, row: sa.Row[Any], form: Form, health: Mapping[str, Any] | None) -> bytes:
        server, minor, names, whole = form
        node = dict(zip(_COLUMNS, row, strict=True))
        for name in JSON:
            node[name] = json.loads(node[name]) if node[name] else {}
        node = self._catalog.masked(node)
        node["record"] = masking.mask(node["record"])
        node["health"] = health
        node["reservation"] = node["reservation"] and node["reservation"].host
        shown = {name: NODE_FIELDS[name].value(node) for name in names}
        place = f"nodes/{row.uuid}"
        shown["links"] = pair(server, place)
        if whole:
            shown |= {part: pair(server, f"{place}/{part}") for part, since in _PARTS if since <= minor}
        return json.dumps(shown, separators=(",", ":")).encode()


_HEALTH: Final = PLAIN.index("health")
