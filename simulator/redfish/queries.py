"""The query parameters of a GET (DSP0266, clause "Query parameters"): select, expand, skip and top."""

import dataclasses
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.documents import Document

PAGE: Final = 100  #: entries of a log in one answer


class NotUnderstood(Exception):
    """The query is not supported; the answer is an error."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.text)
        self.message = message


@dataclass(frozen=True, slots=True)
class Query:
    """The part of a resource to show.

    :param select: names of properties, with a slash before nested names; empty for all
    :param expand: whether to show a collection's members instead of references
    :param skip: members to leave out at the beginning
    :param top: the most members to show; None for all
    """

    select: tuple[str, ...] = ()
    expand: bool = False
    skip: int = 0
    top: int | None = None

    def apply(self, document: Document, find: Callable[[str], Document | None]) -> Document:
        """Return a document with the query applied.

        :param find: returns the resource at a path
        """
        if "Members" in document and (self.skip or self.top is not None):
            members = document["Members"][self.skip :]
            document = {**document, "Members": members if self.top is None else members[: self.top]}
        if self.expand and "Members" in document:
            members = [find(member["@odata.id"]) or member for member in document["Members"]]
            document = {**document, "Members": members}
        return _select(document, self.select) if self.select else document

    def paged(self, document: Document, path: str, *, known: bool) -> "tuple[Query, Document]":
        """Return the query for one page of complete members, and the link to the next page, if there is one.

        :param known: whether the service supports query parameters; if not, there is one page
        """
        if not known:
            return dataclasses.replace(self, expand=True), {}
        size = len(document["Members"])
        end = size if self.top is None else min(self.skip + self.top, size)
        page = dataclasses.replace(
            self, expand=True, top=min(end - self.skip, PAGE) if end > self.skip else 0
        )
        shown = self.skip + (page.top or 0)
        if shown >= end:
            return page, {}
        top = "" if self.top is None else f"&$top={end - shown}"
        return page, {"Members@odata.nextLink": f"{path}?$skip={shown}{top}"}


def parse(text: str, *, known: bool) -> Query:
    """Parse the text after the question mark.

    :param known: whether the service supports query parameters
    :raises NotUnderstood: for an unsupported parameter that begins with ``$``, or an impossible value
    """
    select: tuple[str, ...] = ()
    expand, skip, top = False, 0, None
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True):
        if name == "$select" and known:
            select = tuple(part.strip() for part in value.split(","))
        elif name == "$expand" and known and re.fullmatch(r"\.(\(\$levels=1\))?", value):
            expand = True
        elif name in ("$skip", "$top") and known and re.fullmatch(r"\d{1,9}", value):
            skip, top = (int(value), top) if name == "$skip" else (skip, int(value))
        elif name.startswith("$"):
            text = f"The query parameter {name}={value} is not supported."
            raise NotUnderstood(Message(501, "QueryNotSupported", text))
    return Query(select, expand, skip, top)


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
