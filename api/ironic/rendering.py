"""Nodes as JSON texts. The values that many nodes share are rendered once, not for each node."""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple

from podium import masking
from podium.api.ironic.links import pair
from podium.api.ironic.node_fields import PARTS, NodeField, of_version
from podium.client.enrolling.catalog import Catalog
from podium.db.fleet import known_health
from podium.db.keyring import MARK

#: Fields stored as JSON, whose texts are copied into the answer if they contain no secret.
_MAPPINGS: Final = ("driver_info", "driver_internal_info", "properties", "extra")
#: Columns that have few different values in a whole fleet.
_ALIKE: Final = frozenset(
    (
        *("driver", "power_state", "target_power_state", "provision_state", "maintenance", "fault"),
        *(
            "conductor_group",
            "conductor",
            "reservation",
            "resource_class",
            "owner",
            "lessee",
            "shard",
            "retired",
            "disable_power_off",
        ),
    )
)
#: The most templates that are kept, and for each, the most shared texts.
_MOST_TEMPLATES: Final = 16
_MOST_TEXTS: Final = 256
#: The most characters of a record whose text is kept; most records have the same few values or none.
_LONGEST_RECORD: Final = 2048
#: The placeholder for the UUID in a text.
_UUID: Final = "\0"

_dumps: Final = json.JSONEncoder(separators=(",", ":")).encode


class Form(NamedTuple):
    """The parameters of a text besides its node.

    :param server: the address in its links
    :param minor: the version
    :param names: of its fields
    :param whole: whether it also has links to the parts of the node
    """

    server: str
    minor: int
    names: tuple[str, ...]
    whole: bool


class Renderer:
    """The templates of all forms; safe to use from several threads.

    :param catalog: hides secrets
    :param readable: decrypts the remaining encrypted values of a document without secrets
    """

    def __init__(self, catalog: Catalog, readable: Callable[[Any], Any] = lambda masked: masked) -> None:
        hidden = functools.lru_cache(maxsize=64)(functools.partial(_hidden, catalog))
        made = functools.partial(Template, hidden, readable)
        self._templates = functools.lru_cache(_MOST_TEMPLATES)(made)

    def template(self, form: Form) -> "Template":
        """Return the template of a form."""
        return self._templates(form)


class _Hidden(NamedTuple):
    """The secrets in the nodes of a driver.

    :param secrets: the keys that the driver declares as secret
    :param is_unknown: whether the driver cannot be used here, so that all of driver_info may be secret
    """

    secrets: frozenset[str]
    is_unknown: bool


def _hidden(catalog: Catalog, driver: str) -> _Hidden:
    return _Hidden(catalog.secrets(driver), catalog.actions(driver) is None)


class Template:
    """Renders nodes in one form."""

    def __init__(self, hidden: Callable[[str], _Hidden], readable: Callable[[Any], Any], form: Form) -> None:
        self._hidden = hidden
        self._readable = readable
        fields = of_version(form.names, form.minor)
        alike = [one for one in fields if _ALIKE.issuperset(one.of)]  # including constants
        noted = [one for one in fields if one.of == ("record",)]
        others = [one for one in fields if one not in alike and one not in noted]
        self._mappings = [(f'"{one.name}":', one.name) for one in others if one.name in _MAPPINGS]
        self._own = [(f'"{one.name}":', one.value) for one in others if one.name not in _MAPPINGS]
        first = dict.fromkeys(column for one in alike for column in one.of)
        if self._mappings or noted:
            first["driver"] = None
        self._shared = tuple(first)
        more = dict.fromkeys(column for one in fields for column in one.of if column not in first)
        #: The columns that the text needs.
        self.columns: Final = (*self._shared, *dict.fromkeys([*more, "uuid"]))
        remember = functools.lru_cache(_MOST_TEXTS)
        self._alike = remember(functools.partial(self._render_alike, alike))
        self._noted = remember(functools.partial(self._render_noted, noted)) if noted else None
        self._links = _links(form)

    def text(self, row: tuple[Any, ...], now: Callable[[], datetime]) -> bytes:
        """Return the text of one node.

        :param row: the values of :attr:`columns`
        :param now: returns the time by the database's clock, to leave out an outdated health
        """
        node = dict(zip(self.columns, row, strict=True))
        if node.get("health") is not None:
            node["health"] = known_health(
                node["health"], node["health_checked_at"], node["health_lasts"], now()
            )
        parts = [label + _text(value(node)) for label, value in self._own]
        if self._mappings:
            hidden = self._hidden(node["driver"])
            parts += [label + self._shown(name, node[name], hidden) for label, name in self._mappings]
        parts.append(self._alike(row[: len(self._shared)]))
        if self._noted is not None:
            record = node["record"]
            noted = self._noted if len(record or "") < _LONGEST_RECORD else self._noted.__wrapped__
            parts.append(noted(node["driver"], record))
        parts.append(self._links.replace(_UUID, node["uuid"]))
        return ("{" + ",".join(filter(None, parts)) + "}").encode()

    def _render_alike(self, fields: Iterable[NodeField], values: Sequence[Any]) -> str:
        return _members(fields, dict(zip(self._shared, values, strict=True)))

    def _render_noted(self, fields: Iterable[NodeField], driver: str, record: str | None) -> str:
        noted = masking.mask(json.loads(record) or {}, self._hidden(driver).secrets) if record else {}
        return _members(fields, {"record": self._readable(noted) if MARK in (record or "") else noted})

    def _shown(self, name: str, text: str | None, hidden: _Hidden) -> str:
        shown = _shown(name, text, hidden)
        return _dumps(self._readable(json.loads(shown))) if MARK in shown else shown


def _members(fields: Iterable[NodeField], node: Mapping[str, Any]) -> str:
    return ",".join(f'"{one.name}":{_text(one.value(node))}' for one in fields)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return encode_basestring_ascii(value) if type(value) is str else _dumps(value)


def _shown(name: str, text: str | None, hidden: _Hidden) -> str:
    """Return the text of a JSON column, without secrets."""
    if not text or text == "{}":
        return "{}"
    if name == "driver_info" and hidden.is_unknown:
        return _dumps(dict.fromkeys(json.loads(text), masking.MASK))
    if masking.may_hide(text, hidden.secrets):
        return _dumps(masking.mask(json.loads(text), hidden.secrets))
    return text


def _links(form: Form) -> str:
    place = f"nodes/{_UUID}"
    links = {"links": pair(form.server, place)}
    if form.whole:
        links |= {part: pair(form.server, f"{place}/{part}") for part, since in PARTS if since <= form.minor}
    return json.dumps(links, separators=(",", ":"))[1:-1].replace("\\u0000", _UUID)
