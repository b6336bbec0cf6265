"""What somebody types to choose nodes, read for clients that know the nodes and choose among them."""

from typing import Literal, TypeAlias

from podium.client.calls.call import Call, Nodes, Record, Where

#: How the values of a column are read before they are compared: as they are; an entry as a text or a number,
#: whichever both are; a time as the moment that its text means; an age in seconds since that moment, which is
#: missing if it lies ahead of the server's time by more than 5 s, and else not less than 0; the status of a
#: health; the host of a worker, which is before the last slash.
Reading: TypeAlias = Literal["plain", "entry", "time", "age", "health", "host"]


class Comparison(Record, frozen=True, kw_only=True, tag_field="is", tag="comparison"):
    """A condition about a column of nodes. What is missing, or an empty text that is no entry, is only equal
    to None.

    :param column: as in the fields of nodes, such as ``extra.rack``
    :param values: of which one has to fit; only ``=`` is with more than one
    """

    column: str
    reading: Reading
    operator: Literal["=", "~", "<", "<=", ">", ">="]
    values: list[str | float | bool | None]


class Group(Record, frozen=True, kw_only=True, tag_field="is", tag="group"):
    """Conditions of which all, some or none are to be met."""

    joined: Literal["all", "some", "none"]
    parts: "list[Comparison | Group]"


class Selection(Record, frozen=True, kw_only=True):
    """What a text means, for clients that choose among nodes which they know already, as the page does.

    :param fault: why the conditions or the names are refused, where they are; the lines after the first show
        the place
    :param names: the names, UUIDs and patterns that ``nodes`` stand for
    :param conditions: what ``where`` means
    :param columns: at which the conditions look
    :param changes: whether the same conditions mean something else after a while, as conductors come and go
    """

    fault: str | None = None
    names: list[str] = []
    conditions: Comparison | Group | None = None
    columns: list[str] = []
    changes: bool = False


class CheckSelection(Call[Selection], frozen=True):
    """Read conditions and names, without looking for the nodes.

    :param nodes: names, UUIDs, ranges and patterns
    :param where: conditions as a text
    """

    method = "GET"
    path = "/podium/v1/selection"
    role = "reader"

    nodes: Nodes | None = None
    where: Where | None = None
