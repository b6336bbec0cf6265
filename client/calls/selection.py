"""Parses what somebody types to choose nodes, for clients that have the nodes and choose among them."""

from typing import Literal, TypeAlias

from podium.client.calls.call import Call, Nodes, Record, Where

#: How the values of a column are converted before they are compared. ``plain``: not at all. ``entry``: as a
#: text or a number, whichever both are. ``time``: as the moment that the text means. ``age``: in seconds
#: since that moment; missing if it is ahead of the server's time by more than 5 s, otherwise at least 0.
#: ``health``: its status. ``host``: the host of a worker, which is before the last slash.
Reading: TypeAlias = Literal["plain", "entry", "time", "age", "health", "host"]


class Comparison(Record, frozen=True, kw_only=True, tag_field="is", tag="comparison"):
    """A condition about a column of nodes.

    A missing value, or an empty text that is not an entry, is only equal to None.

    :param column: as in the fields of nodes, such as ``extra.rack``
    :param values: one of them must match; only ``=`` may have several
    """

    column: str
    reading: Reading
    operator: Literal["=", "~", "<", "<=", ">", ">="]
    values: list[str | float | bool | None]


class Group(Record, frozen=True, kw_only=True, tag_field="is", tag="group"):
    """Conditions of which all, some or none must be met."""

    joined: Literal["all", "some", "none"]
    parts: "list[Comparison | Group]"


class Selection(Record, frozen=True, kw_only=True):
    """What a text means, for clients that choose among nodes that they already have, as the page does.

    :param fault: why the conditions or the names are refused, if they are; the lines after the first show the
        place
    :param names: the names, UUIDs and patterns that ``nodes`` stand for
    :param conditions: what ``where`` means
    :param columns: the columns that the conditions use
    :param changes: whether the same conditions may mean something else later, as conductors come and go
    """

    fault: str | None = None
    names: list[str] = []
    conditions: Comparison | Group | None = None
    columns: list[str] = []
    changes: bool = False


class CheckSelection(Call[Selection], frozen=True):
    """Parse conditions and names, without looking for the nodes.

    :param nodes: names, UUIDs, ranges and patterns
    :param where: conditions as a text
    """

    method = "GET"
    path = "/podium/v1/selection"
    role = "reader"

    nodes: Nodes | None = None
    where: Where | None = None
