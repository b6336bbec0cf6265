"""The query parameters of a GET: ``$select`` and ``$expand`` (DSP0266, clause "Query parameters")."""

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.documents import Document


class NotUnderstood(Exception):
    """The query is answered with an error."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text)
        self.message = message


@dataclass(frozen=True, slots=True)
class Query:
    """The part of a resource to show.

    :param select: names of properties, with a slash before nested names; empty for all
    :param expand: whether members of a collection are shown instead of references
    """

    select: tuple[str, ...] = ()
    expand: bool = False

    def apply(self, document: Document, find: Callable[[str], Document | None]) -> Document:
        """Return a document as the query wants it.

        :param find: returns the resource at a path
        """
        if self.expand and "Members" in document:
            members = [find(member["@odata.id"]) or member for member in document["Members"]]
            document = {**document, "Members": members}
        return _select(document, self.select) if self.select else document


def parse(text: str, *, known: bool) -> Query:
    """Parse the text after the question mark.

    :param known: whether the service has query parameters at all
    :raises NotUnderstood: for another parameter that begins with ``$``, or an impossible value
    """
    select: tuple[str, ...] = ()
    expand = False
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True):
        if name == "$select" and known:
            select = tuple(part.strip() for part in value.split(","))
        elif name == "$expand" and known and re.fullmatch(r"\.(\(\$levels=1\))?", value):
            expand = True
        elif name.startswith("$"):
            text = f"The query parameter {name}={value} is not supported."
            raise NotUnderstood(Message(501, "QueryNotSupported", text))
    return Query(select, expand)


def _select(document: Document, names: tuple[str, ...]) -> Document:
    chosen = {name: value for name, value in document.items() if name.startswith("@odata.")}
    for name in names:
        first, _, rest = name.partition("/")
        value = document.get(first)
        if rest and isinstance(value, dict):
            chosen[first] = {**chosen.get(first, {}), **_select(value, (rest,))}
        elif first in document:
            chosen[first] = value
    return chosen
